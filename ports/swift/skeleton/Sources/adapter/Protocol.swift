// The wire protocol of mlx-cache-conformance: JSON-RPC 2.0 on stdin and stdout, one message a line.
// Foundation only; nothing here knows a tensor library or a cache.

import Foundation

/// A JSON value; integers keep all their digits as far as Int has them. A tensor becomes text only
/// when it is written.
enum JSON: Decodable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])
    case tensor(Tensor)

    init(from decoder: Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let integer = try? value.decode(Int.self) {
            self = .integer(integer)
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let array = try? value.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    /// Straight to the bytes of the reply: a large snapshot exists once as tensors and once as text.
    func write(to out: inout Data) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let bool): out.append(contentsOf: "\(bool)".utf8)
        case .integer(let integer): out.append(contentsOf: "\(integer)".utf8)
        case .number(let number): out.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
        case .string(let string): JSON.write(string, to: &out)
        case .array(let items): JSON.write(items, "[", "]", to: &out) { $0.write(to: &$1) }
        case .object(let entries):
            JSON.write(entries, "{", "}", to: &out) { entry, out in
                JSON.write(entry.key, to: &out)
                out.append(UInt8(ascii: ":"))
                entry.value.write(to: &out)
            }
        case .tensor(let tensor): tensor.write(to: &out)
        }
    }

    private static func write(_ string: String, to out: inout Data) {
        out.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                out.append(UInt8(ascii: "\\"))
                out.append(byte)
            case 0..<0x20:
                out.append(contentsOf: (byte < 16 ? "\\u000" : "\\u00").utf8)
                out.append(contentsOf: String(byte, radix: 16).utf8)
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func write<Items: Collection>(
        _ items: Items, _ open: String, _ close: String, to out: inout Data,
        each: (Items.Element, inout Data) -> Void
    ) {
        out.append(contentsOf: open.utf8)
        for (index, item) in items.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            each(item, &out)
        }
        out.append(contentsOf: close.utf8)
    }

    subscript(name: String) -> JSON? {
        if case .object(let entries) = self { return entries[name] }
        return nil
    }
}

/// What ends an operation without a result.
enum Failure: Error {
    /// The implementation said no: its error's name, message and fields.
    case refused(kind: String, message: String, payload: [String: JSON] = [:])
    case unknownCache(String)
    case unknownOperation(String)
    case invalidArguments(String)

    var code: Int {
        switch self {
        case .refused: 1
        case .unknownCache: 2
        case .unknownOperation: -32601
        case .invalidArguments: -32602
        }
    }
}

/// A tensor as it travels: MLX's dtype name, the shape, little-endian bytes in row-major order.
struct Tensor: Equatable {
    var dtype: String
    var shape: [Int]
    var bytes: Data

    static let itemSizes = [
        "bool": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "int8": 1, "int16": 2,
        "int32": 4, "int64": 8, "float16": 2, "float32": 4, "float64": 8, "bfloat16": 2,
    ]

    init(dtype: String, shape: [Int], bytes: Data) {
        (self.dtype, self.shape, self.bytes) = (dtype, shape, bytes)
    }

    /// Left padding and lengths travel as int32 tensors.
    init(rows: [Int32]) {
        var bytes = Data()
        for row in rows {
            withUnsafeBytes(of: row.littleEndian) { bytes.append(contentsOf: $0) }
        }
        self.init(dtype: "int32", shape: [rows.count], bytes: bytes)
    }

    init(wire value: JSON) throws {
        func wrong(_ why: String) -> Failure { .invalidArguments("not a tensor: \(why)") }
        guard case .string(let dtype)? = value["dtype"], case .array(let sizes)? = value["shape"],
            case .string(let hex)? = value["data"]
        else { throw wrong("it is {\"dtype\": name, \"shape\": [sizes], \"data\": hex}") }
        guard let itemSize = Tensor.itemSizes[dtype] else { throw wrong("no dtype \(dtype)") }
        var count = itemSize
        var shape: [Int] = []
        for size in sizes {
            guard case .integer(let number) = size, number >= 0 else { throw wrong("bad shape") }
            let (product, overflow) = count.multipliedReportingOverflow(by: number)
            guard !overflow else { throw wrong("too large") }
            count = product
            shape.append(number)
        }
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0, digits.count / 2 == count else {
            throw wrong("data does not have the bytes of its dtype and shape")
        }
        func nibble(_ digit: UInt8) throws -> UInt8 {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): return digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): return digit - UInt8(ascii: "a") + 10
            default: throw wrong("data is not lower-case hex")
            }
        }
        var bytes = Data(capacity: count)
        for index in stride(from: 0, to: digits.count, by: 2) {
            bytes.append(try nibble(digits[index]) << 4 | nibble(digits[index + 1]))
        }
        self.init(dtype: dtype, shape: shape, bytes: bytes)
    }

    var wire: JSON { .tensor(self) }

    func write(to out: inout Data) {
        let sizes = shape.map(String.init).joined(separator: ",")
        out.append(contentsOf: "{\"dtype\":\"\(dtype)\",\"shape\":[\(sizes)],\"data\":\"".utf8)
        let start = out.count
        out.count += 2 * bytes.count
        out.withUnsafeMutableBytes { out in
            bytes.withUnsafeBytes { bytes in
                let from = bytes.bindMemory(to: UInt8.self).baseAddress
                let into = out.bindMemory(to: UInt8.self).baseAddress
                guard let from, let into else { return }
                var index = 0
                while index < bytes.count {  // plain steps, which are fast in a debug build, too
                    let (high, low) = (from[index] &>> 4, from[index] & 15)
                    into[start &+ 2 &* index] = high < 10 ? 48 &+ high : 87 &+ high
                    into[start &+ 2 &* index &+ 1] = low < 10 ? 48 &+ low : 87 &+ low
                    index &+= 1
                }
            }
        }
        out.append(contentsOf: "\"}".utf8)
    }
}

/// The arguments of one operation; whatever is missing or of another type is a bad request.
struct Arguments {
    let values: [String: JSON]

    func at(_ name: String) throws -> JSON {
        guard let value = values[name] else { throw invalid(name, "given") }
        return value
    }

    func string(_ name: String) throws -> String {
        guard case .string(let text) = try at(name) else { throw invalid(name, "a string") }
        return text
    }

    func integer(_ name: String) throws -> Int {
        guard case .integer(let number) = try at(name) else { throw invalid(name, "an integer") }
        return number
    }

    /// nil for null and for a missing argument.
    func integers(_ name: String) throws -> [Int]? {
        guard let value = values[name], value != .null else { return nil }
        return try list(name).map {
            guard case .integer(let number) = $0 else { throw invalid(name, "integers") }
            return number
        }
    }

    func strings(_ name: String) throws -> [String] {
        try list(name).map {
            guard case .string(let text) = $0 else { throw invalid(name, "strings") }
            return text
        }
    }

    /// nil for null, which un-writes a slot.
    func tensor(_ name: String) throws -> Tensor? {
        let value = try at(name)
        return value == .null ? nil : try Tensor(wire: value)
    }

    func tensors(_ name: String) throws -> [Tensor] {
        try list(name).map { try Tensor(wire: $0) }
    }

    /// The slots of a cache to be saved; nil for an unset one.
    func slots(_ name: String) throws -> [Tensor?] {
        try list(name).map { $0 == .null ? nil : try Tensor(wire: $0) }
    }

    /// A list of objects, such as the caches to be saved.
    func objects(_ name: String) throws -> [Arguments] {
        try list(name).map {
            guard case .object(let values) = $0 else { throw invalid(name, "objects") }
            return Arguments(values: values)
        }
    }

    /// An object, such as the numbers of a cache; an empty one where it is missing.
    func object(_ name: String) throws -> Arguments {
        guard case .object(let values) = values[name] ?? .object([:]) else {
            throw invalid(name, "an object")
        }
        return Arguments(values: values)
    }

    /// An object of strings, such as the user's metadata.
    func texts(_ name: String) throws -> [String: String] {
        try object(name).values.mapValues {
            guard case .string(let text) = $0 else { throw invalid(name, "an object of strings") }
            return text
        }
    }

    private func list(_ name: String) throws -> [JSON] {
        guard case .array(let items) = try at(name) else { throw invalid(name, "a list") }
        return items
    }

    private func invalid(_ name: String, _ wanted: String) -> Failure {
        .invalidArguments("\(name) must be \(wanted)")
    }
}

/// Registered operations, which are also what the handshake declares, and the loop that serves them.
final class Server {
    typealias Operation = (Arguments) throws -> JSON

    private let name: String
    private let version: String
    private let dialect: String
    private let reset: () -> Void
    private var operations: [String: Operation] = [:]
    private var isStopping = false

    init(name: String, version: String, dialect: String, reset: @escaping () -> Void) {
        (self.name, self.version, self.dialect, self.reset) = (name, version, dialect, reset)
    }

    func on(_ name: String, _ operation: @escaping Operation) {
        operations[name] = operation
    }

    /// Answers until `shutdown` or the end of input. What the library prints goes to stderr.
    func serve() {
        guard let out = fdopen(dup(STDOUT_FILENO), "w") else { return }
        dup2(STDERR_FILENO, STDOUT_FILENO)
        while !isStopping, let line = readLine() {
            var reply = Data()
            self.reply(to: line).write(to: &reply)
            reply.append(UInt8(ascii: "\n"))
            reply.withUnsafeBytes { _ = fwrite($0.baseAddress, 1, $0.count, out) }
            fflush(out)
        }
    }

    private func reply(to line: String) -> JSON {
        guard let message = try? JSONDecoder().decode(JSON.self, from: Data(line.utf8)) else {
            return respond(.null, "error", failure(code: -32700, "not JSON"))
        }
        if case .array(let requests) = message { return .array(requests.map(answer)) }
        return answer(message)
    }

    private func answer(_ request: JSON) -> JSON {
        let id = request["id"] ?? .null
        do {
            guard case .string(let method)? = request["method"] else {
                throw Failure.invalidArguments("not a JSON-RPC request")
            }
            guard case .object(let values) = request["params"] ?? .object([:]) else {
                throw Failure.invalidArguments("params must be an object")
            }
            return respond(id, "result", try perform(method, Arguments(values: values)))
        } catch let error as Failure {
            return respond(id, "error", describe(error))
        } catch {
            let kind = String(describing: type(of: error))
            let refused = Failure.refused(kind: kind, message: "\(error)")
            return respond(id, "error", describe(refused))
        }
    }

    private func perform(_ method: String, _ arguments: Arguments) throws -> JSON {
        switch method {
        case "initialize":
            return try handshake(arguments)
        case "reset":
            reset()
            return .null
        case "shutdown":
            isStopping = true
            return .null
        default:
            guard let operation = operations[method] else {
                throw Failure.unknownOperation(method)
            }
            return try operation(arguments)
        }
    }

    private func handshake(_ arguments: Arguments) throws -> JSON {
        guard (arguments.values["protocol"] ?? .integer(1)) == .integer(1) else {
            throw Failure.invalidArguments("protocol 1 is spoken here")
        }
        return .object([
            "protocol": .integer(1),
            "implementation": .object([
                "name": .string(name), "version": .string(version), "language": .string("swift"),
            ]),
            "dialect": .string(dialect),
            "capabilities": .array(operations.keys.sorted().map(JSON.string)),
        ])
    }

    private func respond(_ id: JSON, _ key: String, _ value: JSON) -> JSON {
        .object(["jsonrpc": .string("2.0"), "id": id, key: value])
    }

    private func failure(code: Int, _ message: String) -> JSON {
        .object(["code": .integer(code), "message": .string(message)])
    }

    private func describe(_ error: Failure) -> JSON {
        switch error {
        case .refused(let kind, let message, let payload):
            let data = JSON.object(["kind": .string(kind), "payload": .object(payload)])
            return .object([
                "code": .integer(error.code), "message": .string(message), "data": data,
            ])
        case .unknownCache(let name):
            return failure(code: error.code, "no cache is called \(name)")
        case .unknownOperation(let name):
            return failure(code: error.code, "no operation \(name)")
        case .invalidArguments(let why):
            return failure(code: error.code, why)
        }
    }
}
