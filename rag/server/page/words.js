// What the page says, in both languages. `say` keeps a node's words in the language that is chosen.

const WORDS = {
  name: ["文档问答", "Ask your documents"],
  tools: ["工具", "Tools"],
  skip: ["跳到提问", "Skip to the question"],
  anew: ["新对话", "New chat"],
  documents: ["文档", "Documents"],
  otherLanguage: ["EN", "中文"],
  switchLanguage: ["EN: Switch to English", "中文：切换到中文"],
  theme_auto: ["随系统", "Auto"],
  theme_light: ["浅色", "Light"],
  theme_dark: ["深色", "Dark"],
  themeIs: ["{0}（切换配色）", "{0} (change colours)"],
  welcome: ["问文档，得原句", "Ask, and get the exact sentences"],
  promise: ["每句回答都出自文档原文，并标明出处；没有答案时会直说。", "Every sentence is quoted from a document, with its source. Where there is no answer, you are told so."],
  held: ["文档库中有 {0} 篇文档。每句回答都出自其中的原文，并标明出处；没有答案时会直说。", "Every sentence is quoted from your {0} documents, with its source. Where there is no answer, you are told so."],
  empty: ["文档库中还没有文档：把文件拖到这里，或点“文档”添加。", "There are no documents yet: drop files here, or add them under Documents."],
  suggestions: ["可以这样问", "Questions to begin with"],
  thread: ["对话", "Conversation"],
  question: ["就文档提问", "Ask about the documents"],
  send: ["提问", "Ask"],
  scope: ["只在这些文档中", "Only in these documents"],
  everywhere: ["在全部文档中", "In all documents"],
  onlyIn: ["只在：{0}", "Only in: {0}"],
  manyPaths: ["{0} 个文件或路径", "{0} files or paths"],
  since: ["从", "From"],
  until: ["到", "To"],
  datesHint: ["年、月或日，如 2023、2023-05。没有日期的文档不算在内。", "A year, month or day, such as 2023 or 2023-05. Documents without a date are left out."],
  dateWrong: ["请把日期写作 2023、2023-05 或 2023-05-17；写法不对的日期不起作用。", "Write a date as 2023, 2023-05 or 2023-05-17; one written otherwise has no effect."],
  metadata: ["元数据", "Metadata"],
  chooseMetadata: ["名称和值…", "Name and value …"],
  addMetadata: ["加入", "Add"],
  pattern: ["文件，或带通配符的路径", "Files, or a pattern of their path"],
  patternHint: ["查找，或输入 reports/*", "Find, or type reports/*"],
  files: ["{0} 个文件", "{0} files"],
  filesCounted: ["{0} / {1} 个文件", "{0} of {1} files"],
  addPattern: ["按通配符加入", "Add as pattern"],
  notOnly: ["去掉 {0}", "Take {0} away"],
  askEverything: ["改问全部文档", "Ask all documents again"],
  you: ["你问：", "You asked: "],
  reading: ["正在查阅…", "Reading …"],
  understood: ["理解为：{0}", "Understood as: {0}"],
  sure: ["把握很大", "Very likely right"],
  fairly: ["把握较大", "Likely right"],
  unsure: ["把握不大，请核对出处", "Uncertain: check the source"],
  confidence: ["置信度 {0}", "Confidence {0}"],
  copy: ["连同出处复制", "Copy with sources"],
  copied: ["已复制，附出处", "Copied, with its sources"],
  notCopied: ["无法复制：浏览器不允许", "Not copied: the browser does not allow it"],
  cited: ["出处 {0}：{1}", "Source {0}: {1}"],
  source: ["出处", "Source"],
  also: ["另见", "Also in"],
  alsoMore: ["及另外 {0} 篇", "and {0} more"],
  openSource: ["打开原文", "Open the source"],
  ownPage: ["在新标签页中打开", "Open in a page of its own"],
  asPrinted: ["原页", "Page"],
  asText: ["文字", "Text"],
  drawing: ["正在载入原页…", "Fetching the page …"],
  page: ["第 {0} 页", "Page {0}"],
  pageMarked: ["第 {0} 页，所引文字已标出", "Page {0}, with what is cited marked"],
  close: ["关闭", "Close"],
  noAnswer: ["文档中没有找到答案", "No answer found in the documents"],
  no_passage: ["没有与问题有关的内容。", "Nothing in them has to do with the question."],
  no_match: ["没有文档符合所选范围。", "No document is within what you chose."],
  no_answer: ["有相关内容，但都没有回答这个问题。", "Related passages exist, but none of them answers this."],
  other_period: ["文档说的是别的年份或时期。", "The documents speak of another year or period."],
  other_entity: ["文档没有提到所问的地方、机构或编号。", "The documents do not name the place, body or number asked about."],
  not_covered: ["文档没有谈到所问的事。", "The documents do not cover what is asked."],
  too_unsure: ["找到的内容不足以确定答案。", "What was found is not certain enough."],
  nearest: ["可能相关，请核对", "Possibly, please check"],
  chance: ["可能性 {0}%", "{0}% likely"],
  changed: ["这篇文档在回答之后已更改，所引文字不在原处。", "This document has changed since the answer; what was cited no longer stands there."],
  gone: ["这篇文档已不在文档库中。", "This document is no longer there."],
  retry: ["重试", "Try again"],
  unreachable: ["连不上服务器，请确认它在运行。", "The server cannot be reached; is it running?"],
  search: ["查找文档", "Find a document"],
  add: ["添加文件", "Add files"],
  saying: ["给要添加的文件注明标题、日期、元数据", "Title, date and metadata of what is added"],
  "said-title": ["标题（限单个文件）", "Title (of one file)"],
  "said-date": ["日期，如 2023-05", "Date, such as 2023-05"],
  "said-metadata": ["元数据，如 来源=新华社；栏目=要闻", "Metadata, such as source=Xinhua; desk=Economy"],
  titleOfOne: ["标题只能给单个文件：请逐个添加，或清空标题。", "A title is for one file: add them one by one, or clear the title."],
  metadataPairs: ["元数据请写作 名称=值，用分号隔开。", "Write metadata as name=value, parted by semicolons."],
  dropHere: ["松开即添加到文档库", "Drop to add to the documents"],
  orDrop: ["或把文件拖到页面上", "or drop them anywhere on the page"],
  nothing: ["没有找到匹配的文档。", "No such document."],
  count: ["{0} 篇", "{0} documents"],
  counted: ["{0} / {1} 篇", "{0} of {1} documents"],
  size: ["{0} 字", "{0} characters"],
  keyNeeded: ["这里需要 API 密钥", "An API key is needed here"],
  keyLabel: ["密钥（保留到关闭此标签页）", "Key (kept until this tab is closed)"],
  goOn: ["继续", "Continue"],
  remove: ["移除", "Remove"],
  removeOne: ["移除《{0}》", "Remove “{0}”"],
  cancel: ["取消", "Cancel"],
  sureToRemove: ["从文档库移除《{0}》？", "Remove “{0}” from the documents?"],
  sureToRemoveAll: ["{0} 还含有其他文档，会一并移除。仍要移除？", "{0} holds other documents too; all of them will be removed. Remove them?"],
  removed: ["已移除", "Removed"],
  sending: ["正在上传 {0}", "Sending {0}"],
  "stage-read": ["正在读取 {0}", "Reading {0}"],
  "stage-split": ["正在切分 {0}：{1} / {2} 篇", "Splitting {0}: document {1} of {2}"],
  "stage-embed": ["正在为 {0} 计算向量：{1} / {2} 条", "Embedding {0}: {1} of {2} texts"],
  "stage-index": ["正在为 {0} 建立索引", "Indexing {0}"],
  added: ["已添加 {0}", "Added {0}"],
  updated: ["已更新 {0}", "Updated {0}"],
  unchanged: ["{0} 没有变化", "{0} has not changed"],
  failed: ["未能添加：{0}", "Not added: {0}"],
  moreFailed: ["以及另外 {0} 个", "and {0} more"],
  unreadable: ["未能添加：{0} 已无法读取，请确认它还在原处。", "Not added: {0} can no longer be read; is it still where it was?"],
  foldersMost: ["文件夹只添加了前 {0} 个文件，其余请分次拖入。", "Of the folders only the first {0} files are added; drop the others on their own."],
};

const kept = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is forbidden: the choice lasts as long as the page
  }
};
export const keep = (name, value) => {
  try {
    localStorage.setItem(name, value);
  } catch {}
};
export { kept };

let chinese = (kept("language") ?? navigator.language).startsWith("zh");
const said = new WeakMap(); // node -> Map of an attribute, "" for the text, to [key, arguments]
const speaking = new Set(); // WeakRefs of those nodes

export const language = () => (chinese ? "zh" : "en");

export function words(key, ...given) {
  return WORDS[key][chinese ? 0 : 1].replace(/\{(\d)\}/g, (_, n) => {
    return typeof given[n] === "function" ? given[n]() : given[n];
  });
}

function put(node, attribute, [key, given]) {
  if (attribute) node.setAttribute(attribute, words(key, ...given));
  else node.textContent = words(key, ...given);
}

export function say(node, key, ...given) {
  return sayAs(node, "", key, ...given);
}

export function sayAs(node, attribute, key, ...given) {
  if (!said.has(node)) {
    said.set(node, new Map());
    speaking.add(new WeakRef(node));
  }
  said.get(node).set(attribute, [key, given]);
  put(node, attribute, [key, given]);
  return node;
}

export function sayAll() {
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-say]")) say(node, node.dataset.say);
  for (const node of document.querySelectorAll("[data-say-label]")) sayAs(node, "aria-label", node.dataset.sayLabel);
  for (const node of document.querySelectorAll("[data-say-placeholder]"))
    sayAs(node, "placeholder", node.dataset.sayPlaceholder);
  document.title = words("name");
}

export function switchLanguage() {
  chinese = !chinese;
  keep("language", language());
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  document.title = words("name");
  for (const one of speaking) {
    const node = one.deref();
    if (!node) speaking.delete(one);
    else for (const [attribute, what] of said.get(node)) put(node, attribute, what);
  }
}
