// MLX arrays in the protocol's terms.

import Foundation
import MLX

let dtypes: [(name: String, dtype: DType)] = [
    ("bool", .bool), ("uint8", .uint8), ("uint16", .uint16), ("uint32", .uint32),
    ("uint64", .uint64), ("int8", .int8), ("int16", .int16), ("int32", .int32),
    ("int64", .int64), ("float16", .float16), ("float32", .float32), ("float64", .float64),
    ("bfloat16", .bfloat16),
]

extension Tensor {
    /// Exact for every bit pattern: the bytes are taken as they are.
    var array: MLXArray {
        let dtype = dtypes.first { $0.name == self.dtype }!.dtype  // decoding checked the name
        return MLXArray(bytes, shape, dtype: dtype)
    }

    init(_ array: MLXArray) throws {
        guard let name = dtypes.first(where: { $0.dtype == array.dtype })?.name else {
            throw Failure.invalidArguments("no name for \(array.dtype)")
        }
        self.init(dtype: name, shape: array.shape, bytes: array.asData(access: .copy).data)
    }
}

/// Null for nil. A forged file makes arrays whose shape is not that of their bytes.
func wire(_ array: MLXArray?) throws -> JSON {
    guard let array else { return .null }
    let count = array.shape.reduce(array.itemSize as Int?) { count, size in
        let (product, overflow) = (count ?? 0).multipliedReportingOverflow(by: size)
        return count == nil || overflow || size < 0 ? nil : product
    }
    guard count == array.nbytes else {
        return .object(["foreign": .string("array of the shape \(array.shape)")])
    }
    return try Tensor(array).wire
}

func wire(_ arrays: [MLXArray]) throws -> JSON {
    .array(try arrays.map { try wire($0) })
}
