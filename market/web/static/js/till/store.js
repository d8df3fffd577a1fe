// What this phone keeps: sales made here, until the market knows them and they are over.

const NAME = "cho-till";
const VERSION = 1;

let opened;
const memory = new Map();

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => request.result.createObjectStore("sales", { keyPath: "sale_id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(mode, action) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction("sales", mode, { durability: "strict" });
    const request = action(transaction.objectStore("sales"));
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
