"""The words of the report, in English and in Chinese."""

from collections.abc import Callable, Mapping
from typing import Literal

Language = Literal["en", "zh"]

_SAID = ("the documents say", "文档中有答案")
_NAMED = ("the documents say, source known", "文档中有答案且已知出处")
_SINGLE = ("the documents say, one answer", "文档中有答案且只有一个")
_ANSWERED = ("answered", "已作答")
_ALL = ("all", "全部")

METRICS: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "accuracy": (("Right, abstaining included", "总体正确率（含正确拒答）"), _ALL),
    "answer_accuracy": (("Gold answer in the answer", "回答含正确答案"), _SAID),
    "sentence@1": (("Gold answer in the first sentence", "首句含正确答案"), _SAID),
    "sentence@3": (("Gold answer in the first three sentences", "前三句含正确答案"), _SAID),
    "citation@1": (("First citation right", "首条引用正确"), _NAMED),
    "citation": (("A citation is right", "有引用正确"), _NAMED),
    "em": (("Highlighted words: exact match", "高亮词完全匹配（EM）"), _SINGLE),
    "f1": (("Highlighted words: F1", "高亮词 F1"), _SINGLE),
    "verbatim": (("Quotes verbatim", "引文逐字一致"), _ALL),
    "abstention_precision": (("Abstained rightly (precision)", "拒答精确率"), ("abstained", "被拒答")),
    "abstention_recall": (
        ("Abstained where it must (recall)", "拒答召回率"),
        ("the documents do not say", "文档中没有答案"),
    ),
    "nearest": (
        ("Gold answer among the nearest sentences", "可能相关的句子含正确答案"),
        ("abstained, though the documents say", "文档中有答案却拒答"),
    ),
    "answered": (("Answered", "作答率"), _ALL),
    "document@1": (("Right document first", "首个文档正确"), _NAMED),
    "document@5": (("Right document among five", "前五个文档含正确文档"), _NAMED),
    "recall@1": (("Passage recall@1", "段落召回率@1"), _SAID),
    "recall@2": (("Passage recall@2", "段落召回率@2"), _SAID),
    "recall@3": (("Passage recall@3", "段落召回率@3"), _SAID),
    "recall@5": (("Passage recall@5", "段落召回率@5"), _SAID),
    "recall@10": (("Passage recall@10", "段落召回率@10"), _SAID),
    "recall@20": (("Passage recall@20", "段落召回率@20"), _SAID),
    "mrr@10": (("Passage MRR@10", "段落 MRR@10"), _SAID),
    "ndcg@10": (("Passage nDCG@10", "段落 nDCG@10"), _SAID),
    "brier": (("Brier score, lower is better", "Brier 分数（越低越好）"), _ANSWERED),
    "ece": (("Calibration error, lower is better", "校准误差 ECE（越低越好）"), _ANSWERED),
    "aurc": (("Area under risk-coverage, lower is better", "风险-覆盖曲线下面积（越低越好）"), _ANSWERED),
}

FAILURES: Mapping[str, tuple[str, str]] = {
    "wrong_sentence": ("passage found, other sentence given", "找到段落但句子选错"),
    "not_retrieved": ("passage not found", "未找到段落"),
    "abstained": ("abstained, though documents say", "有答案却拒答"),
    "answered_unsaid": ("answered, though no document says", "无答案却作答"),
    "incomplete": ("only some of the answers", "答案不全"),
}

TEXTS: Mapping[str, tuple[str, str]] = {
    "asked_store": ("Asked of the store {store}: {documents}, {paths}", "所问文档库：{store}，{documents}：{paths}"),
    "asked_set": (
        "Asked of a store built of the documents in {store}: {documents}, {paths}",
        "所问文档库：用 {store} 自带的文档建成，{documents}：{paths}",
    ),
    "asked_sets": (
        "Asked of {stores} stores, each built of its own documents in {store}: {documents} together, {paths}",
        "所问文档库：用 {store} 自带的文档建成，共 {stores} 个库、{documents}：{paths}",
    ),
    "asked_documents": ("{n} documents", "{n} 篇文档"),
    "asked_others": (" and others", " 等"),
    "asked_only": ("; of these only {only}", "；其中只问 {only}"),
    "evaluation": ("Evaluation", "评测"),
    "questions": ("questions", "个问题"),
    "documents": ("documents", "篇文档"),
    "passages": ("passages", "个段落"),
    "right": ("right", "正确"),
    "headline": ("of {n} questions right", "的问题回答正确（共 {n} 题）"),
    "interval": ("95 % interval {low} to {high}", "95% 置信区间 {low}–{high}"),
    "outcomes": ("What became of the questions", "问题的结果"),
    "metrics": ("Metrics", "指标"),
    "metric": ("metric", "指标"),
    "value": ("value", "数值"),
    "interval_short": ("95 % interval", "95% 区间"),
    "over": ("over the questions", "统计范围"),
    "curves": ("Curves", "曲线"),
    "recall_title": ("Is the passage found?", "段落找到了吗？"),
    "recall_x": ("first k passages", "前 k 个段落"),
    "recall_y": ("questions with the gold passage", "含正确段落的问题"),
    "risk_title": ("Fewer answers, fewer mistakes?", "少答是否就少错？"),
    "risk_x": ("questions answered", "作答的问题"),
    "risk_y": ("wrong among them", "其中答错的"),
    "calibration_title": ("Is the confidence true?", "置信度可信吗？"),
    "calibration_x": ("confidence", "置信度"),
    "calibration_y": ("right", "正确"),
    "calibration_note": ("on the dashed line it is; dot size: answers", "落在虚线上即可信；点越大回答越多"),
    "latency": ("Time for one question", "单题耗时"),
    "stage": ("stage", "阶段"),
    "slices": ("By kind and language", "按类型与语言"),
    "comparison": ("Compared with {before}", "与 {before} 相比"),
    "better": ("better", "变好"),
    "worse": ("worse", "变差"),
    "before": ("before", "之前"),
    "after": ("after", "之后"),
    "change": ("change", "变化"),
    "noise": ("may be noise", "可能只是随机波动"),
    "no_noise": ("more than noise", "超出随机波动"),
    "no_change": ("no change", "无变化"),
    "turned": ("Questions that got better: {better}; worse: {worse}.", "变好的问题：{better}；变差的：{worse}。"),
    "wrong_answers": ("Wrong answers", "答错的问题"),
    "all": ("all", "全部"),
    "search": ("search question, id, text", "搜索问题、编号、文字"),
    "gold": ("Gold", "标准答案"),
    "given": ("Given", "给出的回答"),
    "nearest": ("Possibly", "可能相关"),
    "abstained": ("abstained", "拒答"),
    "confidence": ("confidence", "置信度"),
    "nothing": ("The documents do not say; it should have abstained.", "文档中没有答案，应当拒答。"),
    "retrieved": ("Retrieved passages", "检索到的段落"),
    "gold_at": ("gold at rank {rank}", "正确段落排第 {rank}"),
    "gold_nowhere": ("gold not found", "未检索到正确段落"),
    "score": ("score", "得分"),
    "dense": ("meaning", "语义"),
    "lexical": ("words", "词语"),
    "none_wrong": ("None: every question came out right.", "没有：所有问题都答对了。"),
    "run": ("This run", "运行信息"),
}


def texts(language: Language) -> Callable[..., str]:
    """`t(key, **values)`: the text for `key` in `language`."""
    column = 1 if language == "zh" else 0

    def t(key: str, **values: object) -> str:
        return TEXTS[key][column].format(**values)

    return t


def metric_label(name: str, language: Language) -> tuple[str, str]:
    """What a metric is called, and which questions it is taken over."""
    label, over = METRICS[name]
    column = 1 if language == "zh" else 0
    return label[column], over[column]


def failure_label(name: str, language: Language) -> str:
    return FAILURES[name][1 if language == "zh" else 0]
