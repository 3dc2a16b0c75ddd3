// The matrix instructions of GPUs, evaluated by what they compute. Internal to the interpreter.
//
// Fragments (wmma.*): the memory of a fragment buffer is its logical matrix, so that code which loads or stores single
// elements sees what the instructions see. Fragment i of a buffer whose rows hold s elements is the i-th tile of it,
// row by row; of a flat buffer it is the i-th run of elements. In a launch, lane 0 of a warp acts for all.
//
// Registers (ldmatrix, mma): before their layout is lowered, buffers of scope m16n8k8.* are logical matrices, too, and
// a register number names a tile. Afterwards every lane holds its own registers, laid out as the PTX manual says
// (section 9.7.14, "matrix fragments"), and the warp exchanges them.
#pragma once

#include "common/interp/program.h"

namespace hone::interp {

// tvm_fill_fragment(fragment, m, n, k, index, value).
struct FillFragmentEval final : Evaluator {
  const Evaluator* fragment;
  const Evaluator* dims[3];
  const Evaluator* index;
  const Evaluator* value;
  ir::DataType element;
  int64_t Int(Frame&, int) const override;
};

enum class MatrixRole : uint8_t { kA, kB, kAccumulator };

// tvm_load_matrix_sync and tvm_store_matrix_sync(fragment, m, n, k, index, pointer, stride, layout).
struct CopyFragmentEval final : Evaluator {
  bool store = false;
  MatrixRole role = MatrixRole::kAccumulator;
  bool col_major = false;
  const Evaluator* fragment;
  const Evaluator* dims[3];
  const Evaluator* index;
  const Evaluator* pointer;
  const Evaluator* stride;
  ir::DataType element;
  int64_t Int(Frame&, int) const override;
};

// tvm_mma_sync(D, index, A, index, B, index, C, index).
struct MmaSyncEval final : Evaluator {
  struct Operand {
    const Evaluator* fragment;
    const Evaluator* index;
    ir::DataType element;
  };
  Operand d, a, b, c;
  int64_t Int(Frame&, int) const override;
};

// ptx_ldmatrix(trans, count, type, destination, offset, source, offset) of 16-bit elements.
struct LdMatrixEval final : Evaluator {
  bool trans = false;
  bool logical = false;  // The destination is a matrix of scope m16n8k8.*.
  MatrixRole role = MatrixRole::kA;
  int count = 4;
  const Evaluator* to;
  const Evaluator* to_offset;
  int to_bytes = 2;  // Of what an offset of one skips.
  const Evaluator* from;
  const Evaluator* from_offset;
  int from_bytes = 2;
  const Evaluator* lane = nullptr;  // threadIdx.x, where loops over threads run one after the other.
  int64_t Int(Frame&, int) const override;
};

// ptx_mma(shape, ..., A, offset, B, offset, C, offset, ...): C += A * B for shapes m16n8k*.
struct PtxMmaEval final : Evaluator {
  struct Operand {
    const Evaluator* data;
    const Evaluator* offset;
    ir::DataType element;
    int unit_bytes;  // Of what an offset of one skips.
  };
  int k = 8;
  bool logical = false;
  Operand a, b, c;
  int64_t Int(Frame&, int) const override;

 private:
  void RunLogical(Frame&) const;
  void RunWarp(Frame&) const;
};

// mma_fill(local size, destination, offset) and mma_store(m, n, destination, source, offset, stride).
struct MmaFillEval final : Evaluator {
  const Evaluator* size;
  const Evaluator* to;
  const Evaluator* offset;
  ir::DataType element;
  int64_t Int(Frame&, int) const override;
};
struct MmaStoreEval final : Evaluator {
  const Evaluator* to;
  const Evaluator* from;
  const Evaluator* offset;
  const Evaluator* stride;
  ir::DataType element;
  int64_t Int(Frame&, int) const override;
};

}  // namespace hone::interp
