#include "common/interp/matrix_ops.h"

#include <algorithm>
#include <cstring>

#include "common/interp/thread_block.h"
#include "common/support/strings.h"

namespace hone::interp {
namespace {

using ir::DataType;

constexpr int kWarp = 32;

[[noreturn]] void Outside(const char* what) {
  throw Stop(Stop::Kind::kOutOfRange, StrCat(what, " reaches outside of its memory"));
}

// `bytes` bytes from `offset` (in bytes) on.
uint8_t* Checked(const Pointer& p, int64_t offset, int64_t bytes, const char* what) {
  const int64_t at = p.offset + offset;
  if (p.memory == nullptr || at < 0 || at + bytes > p.memory->bytes) Outside(what);
  return p.memory->data + at;
}

// A matrix inside of memory: rows `stride` elements apart.
struct Tile {
  Pointer base;
  int64_t start = 0;  // Elements.
  int64_t stride = 0;
  DataType element;

  uint8_t* At(int64_t row, int64_t column) const {
    return Checked(base, (start + row * stride + column) * element.bytes(), element.bytes(), "a matrix instruction");
  }
  double Get(int64_t row, int64_t column) const {
    const uint8_t* at = At(row, column);
    return element.is_any_float() ? LoadFloat(element, at) : static_cast<double>(LoadInt(element, at));
  }
  void Set(int64_t row, int64_t column, double value) const {
    uint8_t* at = At(row, column);
    if (element.is_any_float()) {
      StoreFloat(element, at, value);
    } else {
      StoreInt(element, at, static_cast<int64_t>(value));
    }
  }
};

// a * b + c as the descriptions write it: operands cast to the accumulator's dtype, rounded after each operation.
double MultiplyAdd(DataType out, double a, double b, double c) {
  if (!out.is_any_float()) {
    return static_cast<double>(
        WrapTo(out, static_cast<int64_t>(c) + static_cast<int64_t>(a) * static_cast<int64_t>(b)));
  }
  return RoundTo(out, c + RoundTo(out, RoundTo(out, a) * RoundTo(out, b)));
}

Tile FragmentTile(const Pointer& p, int64_t index, int64_t rows, int64_t columns, DataType element) {
  if (p.memory == nullptr || index < 0) Outside("a fragment");
  Tile tile{p, 0, columns, element};
  const int64_t row = p.memory->row_elements;
  if (row > 0 && row % columns == 0) {
    tile.start = index / (row / columns) * rows * row + index % (row / columns) * columns;
    tile.stride = row;
  } else {
    tile.start = index * rows * columns;
  }
  return tile;
}

Fragment& InfoOf(Memory& memory, int64_t index) {
  if (index < 0 || index > memory.bytes) Outside("a fragment");
  if (static_cast<size_t>(index) >= memory.fragments.size()) memory.fragments.resize(index + 1);
  return memory.fragments[index];
}

// Only one lane of a warp acts; the others' copies of a fragment are never looked at.
bool Acts(const Frame& f) { return f.block == nullptr || f.thread % kWarp == 0; }

}  // namespace

int64_t FillFragmentEval::Int(Frame& f, int) const {
  if (!Acts(f)) return 0;
  const int m = static_cast<int>(dims[0]->Int(f, 0)), n = static_cast<int>(dims[1]->Int(f, 0));
  const Pointer p = fragment->Ptr(f);
  const int64_t at = index->Int(f, 0);
  const Tile tile = FragmentTile(p, at, m, n, element);
  InfoOf(*p.memory, at) = {m, n, static_cast<int>(dims[2]->Int(f, 0)), false};
  const double v = value->is_float ? value->Float(f, 0) : static_cast<double>(value->Int(f, 0));
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) tile.Set(i, j, v);
  }
  return 0;
}

int64_t CopyFragmentEval::Int(Frame& f, int) const {
  if (!Acts(f)) return 0;
  const int m = static_cast<int>(dims[0]->Int(f, 0)), n = static_cast<int>(dims[1]->Int(f, 0));
  const int k = static_cast<int>(dims[2]->Int(f, 0));
  int rows = role == MatrixRole::kB ? k : m;
  int columns = role == MatrixRole::kA ? k : n;
  if (col_major) std::swap(rows, columns);  // As it lies in memory.
  const Pointer p = fragment->Ptr(f);
  const int64_t at = index->Int(f, 0);
  const Tile inside = FragmentTile(p, at, rows, columns, element);
  const Tile outside{pointer->Ptr(f), 0, stride->Int(f, 0), element};
  if (!store) InfoOf(*p.memory, at) = {m, n, k, col_major};
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      uint8_t* to = store ? outside.At(i, j) : inside.At(i, j);
      std::memcpy(to, store ? inside.At(i, j) : outside.At(i, j), element.bytes());
    }
  }
  return 0;
}

int64_t MmaSyncEval::Int(Frame& f, int) const {
  if (!Acts(f)) return 0;
  const Pointer pa = a.fragment->Ptr(f), pb = b.fragment->Ptr(f), pc = c.fragment->Ptr(f), pd = d.fragment->Ptr(f);
  const int64_t ia = a.index->Int(f, 0), ib = b.index->Int(f, 0), ic = c.index->Int(f, 0), id = d.index->Int(f, 0);
  if (pa.memory == nullptr || pb.memory == nullptr || pd.memory == nullptr) Outside("a fragment");
  const Fragment info_a = InfoOf(*pa.memory, ia);
  const Fragment info_b = InfoOf(*pb.memory, ib);
  const Fragment& shape = info_a.m != 0 ? info_a : info_b;
  const int m = shape.m != 0 ? shape.m : 16, n = shape.n != 0 ? shape.n : 16, k = shape.k != 0 ? shape.k : 16;
  const Tile ta = FragmentTile(pa, ia, info_a.col_major ? k : m, info_a.col_major ? m : k, a.element);
  const Tile tb = FragmentTile(pb, ib, info_b.col_major ? n : k, info_b.col_major ? k : n, b.element);
  const Tile tc = FragmentTile(pc, ic, m, n, c.element);
  const Tile td = FragmentTile(pd, id, m, n, d.element);
  InfoOf(*pd.memory, id) = {m, n, k, false};
  std::vector<double> va(static_cast<size_t>(m) * k), vb(static_cast<size_t>(k) * n);
  for (int i = 0; i < m; ++i) {
    for (int x = 0; x < k; ++x) va[i * k + x] = info_a.col_major ? ta.Get(x, i) : ta.Get(i, x);
  }
  for (int x = 0; x < k; ++x) {
    for (int j = 0; j < n; ++j) vb[x * n + j] = info_b.col_major ? tb.Get(j, x) : tb.Get(x, j);
  }
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      double sum = tc.Get(i, j);
      for (int x = 0; x < k; ++x) sum = MultiplyAdd(d.element, va[i * k + x], vb[x * n + j], sum);
      td.Set(i, j, sum);
    }
  }
  return 0;
}

namespace {

// Where the tile of register `r` begins in a logical matrix of scope m16n8k8.*; the inverse of the register formulas
// of the intrinsics. A's tiles are 32 x 8 with two halves, B's 8 x 32 with four quarters, C's 16 x 8 (r counts pairs).
struct Origin {
  int64_t row, column;
};
Origin OriginA(int64_t r, int64_t s) {
  const int64_t tile = r / 8;
  return {tile / (s / 8) * 32 + r % 8 / 4 * 16, tile % (s / 8) * 8};
}
Origin OriginB(int64_t r, int64_t s) {
  const int64_t tile = r / 8;
  const int64_t wide = std::max<int64_t>(1, s / 32);
  return {tile / wide * 8, tile % wide * 32 + r % 8 / 2 * 8};
}
Origin OriginC(int64_t r, int64_t s) {
  const int64_t tile = r / 2;
  return {tile / (s / 8) * 16 + r % 2 * 8, tile % (s / 8) * 8};
}

Tile LogicalTile(const Pointer& p, int64_t r, MatrixRole role, DataType element) {
  if (p.memory == nullptr) Outside("a matrix of registers");
  const int64_t s = p.memory->row_elements;
  if (s < 8 || s % 8 != 0 || r < 0) {
    throw Stop(Stop::Kind::kInvalid,
               StrCat("a matrix of registers has rows of ", s, " elements, expected a multiple of 8"));
  }
  const Origin o = role == MatrixRole::kA ? OriginA(r, s) : role == MatrixRole::kB ? OriginB(r, s) : OriginC(r, s);
  return {p, o.row * s + o.column, s, element};
}

}  // namespace

int64_t LdMatrixEval::Int(Frame& f, int) const {
  const Pointer source = from->Ptr(f);
  const int64_t source_at = from_offset->Int(f, 0) * from_bytes;
  constexpr int kRow = 8;  // Elements a row of an 8 x 8 matrix.
  constexpr int kRowBytes = 2 * kRow;
  if (logical) {
    // Every lane copies the row whose address it gives to where the description puts it.
    if (lane == nullptr && f.block == nullptr) {
      throw Stop(Stop::Kind::kInvalid, "ldmatrix is not below a loop over threadIdx.x");
    }
    const int64_t at = f.block != nullptr ? f.thread % kWarp : lane->Int(f, 0) % kWarp;
    const int64_t matrix = at / kRow, row = at % kRow;
    if (matrix >= count) return 0;
    const Tile tile = LogicalTile(to->Ptr(f), to_offset->Int(f, 0), role, DataType::Float(16));
    const uint8_t* bytes = Checked(source, source_at, kRowBytes, "ldmatrix");
    for (int c = 0; c < kRow; ++c) {
      uint8_t* cell = role == MatrixRole::kA ? tile.At(matrix * kRow + row, c) : tile.At(row, matrix * kRow + c);
      std::memcpy(cell, bytes + 2 * c, 2);
    }
    return 0;
  }
  if (f.block == nullptr) throw Stop(Stop::Kind::kInvalid, "ldmatrix runs outside of a launch");
  // Publishes the row of this lane, four elements a word.
  const int64_t self = f.thread % kWarp;
  std::vector<Scalar> mine(2);
  if (self < kRow * count) std::memcpy(mine.data(), Checked(source, source_at, kRowBytes, "ldmatrix"), kRowBytes);
  f.block->WarpExchange(f.thread, std::move(mine));
  const Pointer target = to->Ptr(f);
  const int64_t target_at = to_offset->Int(f, 0) * to_bytes;
  for (int q = 0; q < count; ++q) {
    for (int e = 0; e < 2; ++e) {
      const int64_t row = trans ? 2 * (self % 4) + e : self / 4;
      const int64_t column = trans ? self / 4 : 2 * (self % 4) + e;
      const std::vector<Scalar>* peer = f.block->Peer(f.thread, static_cast<int>(f.thread - self + q * kRow + row));
      if (peer == nullptr) throw Stop(Stop::Kind::kInvalid, "ldmatrix is not reached by all lanes of a warp");
      std::memcpy(Checked(target, target_at + 2 * (q * 2 + e), 2, "ldmatrix"),
                  reinterpret_cast<const uint8_t*>(peer->data()) + 2 * column, 2);
    }
  }
  return 0;
}

int64_t PtxMmaEval::Int(Frame& f, int) const {
  if (logical) {
    RunLogical(f);
  } else {
    RunWarp(f);
  }
  return 0;
}

void PtxMmaEval::RunLogical(Frame& f) const {
  if (!Acts(f)) return;
  const Tile ta = LogicalTile(a.data->Ptr(f), a.offset->Int(f, 0), MatrixRole::kA, a.element);
  const Tile tb = LogicalTile(b.data->Ptr(f), b.offset->Int(f, 0), MatrixRole::kB, b.element);
  const Tile tc = LogicalTile(c.data->Ptr(f), c.offset->Int(f, 0), MatrixRole::kAccumulator, c.element);
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      double sum = tc.Get(i, j);
      for (int x = 0; x < k; ++x) sum = MultiplyAdd(c.element, ta.Get(i, x), tb.Get(x, j), sum);
      tc.Set(i, j, sum);
    }
  }
}

namespace {

// Element `e` of lane `lane` of an operand of m16n8k`k` whose elements have `bits` bits: its row and column.
Origin ElementA(int lane, int e, int bits) {
  const int group = lane / 4, t = lane % 4;
  const int run = bits == 32 ? 1 : 32 / bits;  // Elements of a register.
  const int reg = e / run;
  return {group + 8 * (reg % 2), t * run + e % run + 4 * run * (reg / 2)};
}
Origin ElementB(int lane, int e, int bits) {
  const int group = lane / 4, t = lane % 4;
  const int run = bits == 32 ? 1 : 32 / bits;
  return {t * run + e % run + 4 * run * (e / run), group};
}
Origin ElementC(int lane, int e) { return {lane / 4 + 8 * (e / 2), 2 * (lane % 4) + e % 2}; }

}  // namespace

void PtxMmaEval::RunWarp(Frame& f) const {
  if (f.block == nullptr) throw Stop(Stop::Kind::kInvalid, "mma runs outside of a launch");
  const int bits = a.element.bits;
  const int count_a = 16 * k / kWarp, count_b = 8 * k / kWarp;
  const auto tile = [&](const Operand& o) {
    return Tile{o.data->Ptr(f), o.offset->Int(f, 0) * o.unit_bytes / o.element.bytes(), 0, o.element};
  };
  const Tile ta = tile(a), tb = tile(b), tc = tile(c);
  std::vector<Scalar> mine(count_a + count_b);
  for (int e = 0; e < count_a; ++e) mine[e].f = ta.Get(0, e);
  for (int e = 0; e < count_b; ++e) mine[count_a + e].f = tb.Get(0, e);
  f.block->WarpExchange(f.thread, std::move(mine));
  const int self = f.thread % kWarp;
  std::vector<double> va(16 * k), vb(8 * k);
  for (int lane = 0; lane < kWarp; ++lane) {
    const std::vector<Scalar>* peer = f.block->Peer(f.thread, f.thread - self + lane);
    if (peer == nullptr) throw Stop(Stop::Kind::kInvalid, "mma is not reached by all lanes of a warp");
    for (int e = 0; e < count_a; ++e) {
      const Origin o = ElementA(lane, e, bits);
      va[o.row * k + o.column] = (*peer)[e].f;
    }
    for (int e = 0; e < count_b; ++e) {
      const Origin o = ElementB(lane, e, bits);
      vb[o.row * 8 + o.column] = (*peer)[count_a + e].f;
    }
  }
  for (int e = 0; e < 4; ++e) {
    const Origin o = ElementC(self, e);
    double sum = tc.Get(0, e);
    for (int x = 0; x < k; ++x) sum = MultiplyAdd(c.element, va[o.row * k + x], vb[x * 8 + o.column], sum);
    tc.Set(0, e, sum);
  }
}

int64_t MmaFillEval::Int(Frame& f, int) const {
  const Tile tile{to->Ptr(f), offset->Int(f, 0), 0, element};
  for (int64_t i = 0, n = size->Int(f, 0); i < n; ++i) tile.Set(0, i, 0);
  return 0;
}

int64_t MmaStoreEval::Int(Frame& f, int) const {
  if (f.block == nullptr) throw Stop(Stop::Kind::kInvalid, "mma_store runs outside of a launch");
  const Tile source{from->Ptr(f), offset->Int(f, 0), 0, element};
  const Tile target{to->Ptr(f), 0, stride->Int(f, 0), element};
  const int lane = f.thread % kWarp;
  for (int e = 0; e < 8; ++e) {  // A 16 x 16 accumulator: two of 16 x 8.
    target.Set(8 * (e % 4 / 2) + lane / 4, 8 * (e / 4) + lane % 4 * 2 + e % 2, source.Get(0, e));
  }
  return 0;
}

}  // namespace hone::interp
