// The wire protocol: JSON-RPC 2.0 on stdin and stdout, one message a line. No library, no cache.

export const VERSION = 1;

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: Json };

/** What ends an operation without a result; the code is one of the protocol's. */
export class Failure extends Error {
  constructor(readonly code: number, message: string, readonly data?: Fields) {
    super(message);
  }
}

/** The implementation said no: its error's name, message and fields. */
export const refused = (kind: string, message: string, payload: Fields = {}): Failure =>
  new Failure(1, message, { kind, payload });

export const unknownCache = (name: string): Failure => new Failure(2, `no cache is called ${name}`);

const invalid = (why: string): Failure => new Failure(-32602, why);

/** A tensor as it travels: MLX's dtype name, the shape, little-endian bytes in row-major order. */
export interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

const WIDTHS = new Map<string, number>([
  ["bool", 1], ["uint8", 1], ["int8", 1], ["uint16", 2], ["int16", 2], ["float16", 2],
  ["bfloat16", 2], ["uint32", 4], ["int32", 4], ["float32", 4], ["uint64", 8], ["int64", 8],
  ["float64", 8],
]);

/** Left padding and lengths travel as int32 tensors. */
export function rows(values: number[]): Tensor {
  return { dtype: "int32", shape: [values.length], bytes: new Uint8Array(Int32Array.from(values).buffer) };
}

export function toWire(tensor: Tensor | null): Json {
  if (tensor === null) return null;
  const { dtype, shape, bytes } = tensor;
  return { dtype, shape, data: Buffer.from(bytes).toString("hex") };
}

export function fromWire(value: Json): Tensor {
  const wrong = (why: string): Failure => invalid(`not a tensor: ${why}`);
  if (!isObject(value)) throw wrong("it is an object with dtype, shape and data");
  const { dtype, shape, data } = value;
  if (typeof dtype !== "string" || !Array.isArray(shape) || typeof data !== "string")
    throw wrong('it is {"dtype": name, "shape": [sizes], "data": hex}');
  const width = WIDTHS.get(dtype);
  if (width === undefined) throw wrong(`unknown dtype ${dtype}`);
  let count = width;
  const sizes = shape.map((size) => {
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || size > 2 ** 31 - 1)
      throw wrong("a size is out of range");
    count *= size;
    return size;
  });
  const bytes = Buffer.from(data, "hex"); // ends at the first character that is no digit
  if (bytes.length * 2 !== data.length || data !== data.toLowerCase())
    throw wrong("data is not pairs of lower-case hex digits");
  if (bytes.length !== count) throw wrong("data does not have the bytes of its dtype and shape");
  return { dtype, shape: sizes, bytes };
}

/** The arguments of one operation; whatever is missing or of another type is a bad request. */
export class Arguments {
  constructor(private readonly fields: Fields) {}

  at(name: string): Json {
    const value = this.fields[name];
    if (value === undefined) throw invalid(`${name} is missing`);
    return value;
  }

  text(name: string): string {
    const value = this.at(name);
    if (typeof value !== "string") throw invalid(`${name} must be a string`);
    return value;
  }

  /** The index of a slot: one that a number cannot hold is beyond every slot. */
  index(name: string): number {
    const value = this.at(name);
    if (typeof value !== "bigint") return this.integer(name);
    return value < 0n ? -Infinity : Infinity;
  }

  /** An integer; one beyond 2^53 is the implementation's refusal. */
  integer(name: string): number {
    const value = this.at(name);
    if (typeof value === "bigint")
      throw refused("OutOfRange", `${name} does not fit: ${value}`, { value: String(value) });
    if (typeof value !== "number" || !Number.isInteger(value))
      throw invalid(`${name} must be an integer`);
    return value;
  }

  /** A list of integers; null for null and for a missing argument. */
  integers(name: string): number[] | null {
    const value = this.fields[name] ?? null;
    if (value === null) return null;
    if (!Array.isArray(value)) throw invalid(`${name} must be a list`);
    return value.map((item, index) => new Arguments({ [`${name}[${index}]`]: item }).integer(`${name}[${index}]`));
  }

  tensor(name: string): Tensor {
    return fromWire(this.at(name));
  }

  /** A tensor, or null for an unset slot. */
  slot(name: string): Tensor | null {
    const value = this.at(name);
    return value === null ? null : fromWire(value);
  }
}

export type Operation = (a: Arguments) => Json;

/** Who answers, and the operations that it implements, which is what the handshake declares. */
export interface Server {
  name: string;
  version: string;
  dialect: string;
  operations: { [name: string]: Operation };
  reset: () => void;
  /** Your errors by the name and with the fields that they have in your implementation. */
  translate?: (error: unknown) => Failure | undefined;
}

/** Answers until `shutdown` or the end of input. What is logged goes to stderr. */
export function serve(server: Server): void {
  console.log = console.error;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let parts: Buffer[] = [];
  process.stdin.on("data", (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts);
      parts = [];
      start = end + 1;
      let message: Json;
      try {
        message = parse(decoder.decode(line));
      } catch (error) {
        send(fail(null, new Failure(-32700, `not JSON: ${error}`)));
        continue;
      }
      const requests = Array.isArray(message) ? message : [message];
      // Each answer is text at once: what a later request of the list does is not in it.
      const answers = requests.map((request) => answer(server, request));
      const last = requests.some((request) => isObject(request) && request["method"] === "shutdown");
      const text = Array.isArray(message) ? `[${answers.join(",")}]` : answers.join("");
      send(text, last ? () => process.exit(0) : undefined);
    }
    parts.push(chunk.subarray(start));
  });
  process.stdin.on("end", () => process.exit(0));
}

const send = (text: string, then?: () => void): boolean => process.stdout.write(`${text}\n`, then);

function answer(server: Server, request: Json): string {
  const id = isObject(request) ? (request["id"] ?? null) : null;
  try {
    if (!isObject(request) || typeof request["method"] !== "string")
      throw invalid("not a JSON-RPC request");
    const params = request["params"] ?? {};
    if (!isObject(params)) throw invalid("params must be an object");
    const result = perform(server, request["method"], params);
    return JSON.stringify({ jsonrpc: "2.0", id, result });
  } catch (error) {
    const known = error instanceof Failure ? error : server.translate?.(error);
    if (known !== undefined) return fail(id, known);
    const kind = error instanceof Error ? error.name : "Error";
    return fail(id, refused(kind, String(error)));
  }
}

function fail(id: Json, { code, message, data }: Failure): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, ...(data && { data }) } });
}

function perform(server: Server, method: string, params: Fields): Json {
  if (method === "initialize") {
    if ((params["protocol"] ?? VERSION) !== VERSION) throw invalid(`protocol must be ${VERSION}`);
    const { name, version, dialect, operations } = server;
    const implementation = { name, version, language: "typescript" };
    return { protocol: VERSION, implementation, dialect, capabilities: Object.keys(operations) };
  }
  if (method === "shutdown") return null;
  if (method === "reset") {
    server.reset();
    return null;
  }
  const operation = Object.hasOwn(server.operations, method) ? server.operations[method] : undefined;
  if (operation === undefined) throw new Failure(-32601, `no ${method}`);
  return operation(new Arguments(params));
}

function isObject(value: Json | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON, with the integers that a number cannot hold as bigint: JSON.parse alone rounds them. */
function parse(text: string): Json {
  const marked = /\d{16}/.test(text) ? mark(text) : text;
  return JSON.parse(marked, (_, value) =>
    isObject(value) && typeof value["$integer"] === "string" ? whole(value["$integer"]) : value,
  ) as Json;
}

function whole(digits: string): number | bigint {
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
}

/** Long integers outside of strings as {"$integer": digits}. */
function mark(text: string): string {
  const parts: string[] = [];
  for (let at = 0; ; ) {
    const quote = text.indexOf('"', at);
    const plain = text.slice(at, quote < 0 ? undefined : quote);
    parts.push(plain.replace(/-?\d{16,}(?![\d.eE])/g, (digits) => `{"$integer":"${digits}"}`));
    if (quote < 0) return parts.join("");
    let end = quote;
    let escapes: number;
    do {
      end = text.indexOf('"', end + 1);
      if (end < 0) return text; // JSON.parse says what is wrong
      escapes = 0;
      while (text[end - 1 - escapes] === "\\") escapes++;
    } while (escapes % 2);
    parts.push(text.slice(quote, end + 1));
    at = end + 1;
  }
}
