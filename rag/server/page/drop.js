// Files that are dropped on the page, those in folders too.

const MOST = 1000; // of one drop of folders

// `gone` hears the name of each that cannot be read, `cut` how many are kept where there are more. To be called before
// anything is awaited: the browser then forgets what was dropped.
export async function dropped(transfer, gone, cut) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((one) => one.isDirectory)) return [...transfer.files];
  const files = new Map(); // by name: the server keeps all files in one folder
  for (const entry of entries) {
    for await (const one of filesIn(entry, gone)) {
      if (files.size === MOST) {
        cut(MOST);
        return [...files.values()];
      }
      const file = await opened(one).catch(() => gone(one.name));
      if (!file) continue;
      const name = files.has(file.name) ? one.fullPath.slice(1).replaceAll("/", "_") : file.name;
      files.set(name, name === file.name ? file : new File([file], name));
    }
  }
  return [...files.values()];
}

const opened = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

async function* filesIn(entry, gone) {
  if (entry.isFile) return yield entry;
  const reader = entry.createReader();
  const next = () => new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
  try {
    for (let some = await next(); some.length; some = await next())
      for (const one of some) if (!one.name.startsWith(".")) yield* filesIn(one, gone);
  } catch {
    gone(entry.name);
  }
}
