"""What the server refuses, each with its HTTP status. Messages as in `rag.errors`."""

from typing import ClassVar

from rag.errors import RagError


class RefusalError(RagError):
    """A request that is not served. `code` is for programs, the message for people."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    retry_after: ClassVar[int | None] = None  # seconds


class KeyMissingError(RefusalError):
    status, code = 401, "api_key_missing"
    en = "This server needs an API key: send it as Authorization: Bearer KEY."
    zh = "本服务需要 API 密钥，请以 Authorization: Bearer 密钥 发送。"


class KeyInvalidError(RefusalError):
    status, code = 401, "invalid_api_key"
    en = "This API key is not known here, or was revoked."
    zh = "API 密钥无效或已吊销。"


class ScopeMissingError(RefusalError):
    status, code = 403, "read_only_key"
    en = "This API key may read but not write."
    zh = "此 API 密钥只读，不能写入。"


class ForeignOriginError(RefusalError):
    status, code = 403, "foreign_origin"
    en = "A page of another site may not call this server; its operator can allow it in RAG_CORS_ORIGINS."
    zh = "不允许其他网站的页面调用本服务；管理员可用 RAG_CORS_ORIGINS 放行。"


class HostUnknownError(RefusalError):
    status, code = 400, "host_unknown"
    en = "This server does not go by that host name."
    zh = "本服务不使用该主机名。"


class NotFoundError(RefusalError):
    status, code = 404, "not_found"
    en = "{what}: not found."
    zh = "{what}：未找到。"


class ModelUnknownError(RefusalError):
    status, code = 404, "model_not_found"
    en = "The model `{model}` does not exist; there is one: `{known}`."
    zh = "模型 `{model}` 不存在，可用的是 `{known}`。"


class FileOfSeveralError(RefusalError):
    status, code = 409, "file_of_several"
    en = "{path} holds {count} documents; add ?all=true to remove all of them."
    zh = "{path} 含 {count} 篇文档，如要全部移除，请加 ?all=true。"


class ClientGoneError(RefusalError):
    status, code = 408, "client_gone"
    en = "The client went away before there was an answer."
    zh = "客户端在得到回答之前已断开。"


class BodySlowError(RefusalError):
    status, code = 408, "body_slow"
    en = "The request did not arrive in time."
    zh = "请求未能及时到达。"


class BodyTooLargeError(RefusalError):
    status, code = 413, "body_too_large"
    en = "The request is over the limit of {limit} bytes."
    zh = "请求超过上限 {limit} 字节。"


class TypeUnknownError(RefusalError):
    status, code = 415, "media_type_unknown"
    en = "Send {known}."
    zh = "请发送 {known}。"


class UnprocessableError(RefusalError):
    status, code = 422, "unprocessable"
    en = "{problem_en}"
    zh = "{problem_zh}"


class HistoryTooLongError(RefusalError):
    status, code = 422, "history_too_long"
    en = "The history is over the limit of {messages} messages or {characters} characters; send less of it."
    zh = "对话历史超过上限（{messages} 条消息或 {characters} 个字符），请缩短。"


class UnsupportedError(RefusalError):
    status, code = 400, "unsupported_value"
    en = "{param}: {problem}"
    zh = "{param}：{problem_zh}"


class RateExceededError(RefusalError):
    status, code, retry_after = 429, "rate_limit_exceeded", 1
    en = "More than {limit} requests a minute with this API key; wait and try again."
    zh = "此 API 密钥每分钟的请求超过 {limit} 次，请稍后重试。"


class OverloadedError(RefusalError):
    status, code, retry_after = 503, "overloaded", 1
    en = "Too many requests at once; try again in a moment."
    zh = "同时的请求过多，请稍后重试。"


class StoreBusyError(RefusalError):
    status, code, retry_after = 503, "store_busy", 5
    en = "Another process is writing to the store; try again in a moment."
    zh = "另一个进程正在写入库，请稍后重试。"


class StoreUnavailableError(RefusalError):
    status, code, retry_after = 503, "store_unavailable", 30
    en = "The store cannot be used now; the server's log says why."
    zh = "库暂时无法使用，原因见服务日志。"


class SpaceError(RefusalError):
    status, code = 507, "store_full"
    en = "There is no space left to store documents; nothing stored before was lost."
    zh = "存储空间不足；已存的内容没有丢失。"


class InternalError(RefusalError):
    status, code = 500, "internal_error"
    en = "Internal error; the server's log says more under this request's id."
    zh = "内部错误，详情见服务日志中此请求的编号。"
