// What this phone keeps: sales made here, until the market knows them and they are over; and the
// invoice numbers it may give by itself while the line is cut.

const NAME = "cho-till";
const VERSION = 2;

let opened;
const memory = new Map();

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) request.result.createObjectStore("sales", { keyPath: "sale_id" });
      request.result.createObjectStore("numbers", { keyPath: "stall_id" });
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(mode, action, name = "sales") {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode, { durability: "strict" });
    const request = action(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** Kept when this resolves; a browser without storage keeps it until the page closes. */
export async function put(sale) {
  try {
    await run("readwrite", (store) => store.put(sale));
  } catch {
    memory.set(sale.sale_id, sale);
  }
}

export async function drop(saleId) {
  memory.delete(saleId);
  await run("readwrite", (store) => store.delete(saleId)).catch(() => {});
}

/** All kept sales of a stall, oldest first (their ids are in order of time). */
export async function all(stallId) {
  const kept = await run("readonly", (store) => store.getAll()).catch(() => []);
  return [...kept, ...memory.values()].filter((sale) => sale.stall_id === stallId);
}

/** One kept sale, changed in a transaction of its own; `change` gets it and says whether to keep it so. */
export async function change(saleId, change) {
  const inMemory = memory.get(saleId);
  if (inMemory) {
    change(inMemory);
    return inMemory;
  }
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction("sales", "readwrite", { durability: "strict" });
    const store = transaction.objectStore("sales");
    let found;
    store.get(saleId).onsuccess = ({ target }) => {
      found = target.result;
      if (found && change(found)) store.put(found);
    };
    transaction.oncomplete = () => resolve(found);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

// ── Numbers of invoices ────────────────────────────────────────────────────────────────────────

export function numbers(stallId) {
  return run("readonly", (store) => store.get(stallId), "numbers");
}

/** The kept numbers and a sale, changed together or not at all, by one page of this phone at a time. */
export async function withNumbers(stallId, saleId, change) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(["sales", "numbers"], "readwrite", { durability: "strict" });
    const [sales, kept] = [transaction.objectStore("sales"), transaction.objectStore("numbers")];
    let answer = null;
    kept.get(stallId).onsuccess = ({ target: { result: held } }) => {
      sales.get(saleId ?? "").onsuccess = ({ target: { result: sale } }) => {
        const changed = change(held, sale);
        answer = changed?.answer ?? null;
        if (changed?.held) kept.put(changed.held);
        if (changed?.sale) sales.put(changed.sale);
      };
    };
    transaction.oncomplete = () => resolve(answer);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
