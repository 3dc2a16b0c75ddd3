#include "server/cost_model/feature/per_store.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/ir/visitor.h"
#include "server/cost_model/feature/interval.h"
#include "server/cost_model/feature/operation_counts.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.

double Slog(double x) { return std::log2(std::fabs(x) + 1.0); }

// Product of the constant extents; dynamic ones are left out.
int64_t Product(const std::vector<const ForNode*>& loops) {
  int64_t product = 1;
  for (const ForNode* loop : loops) {
    if (const int64_t* extent = ConstInt(loop->extent)) product *= *extent;
  }
  return product;
}

int64_t UpperBoundOr1(Expr dim) {
  if (const int64_t* value = ConstInt(dim)) return *value;
  const Interval bound = EvaluateInterval(dim, {});
  return bound.max >= std::numeric_limits<int32_t>::max() ? 1 : bound.max;
}

// The loops above a statement, outermost first, and the same by kind.
struct LoopNest {
  std::vector<const ForNode*> loops;
  std::vector<const ForNode*> parallel, vectorized, unrolled;
  std::array<std::vector<const ForNode*>, 3> block_idx, thread_idx;
  std::vector<const ForNode*> vthread;
  std::vector<int64_t> auto_unroll;
  int64_t prod = 1;

  std::vector<const ForNode*>* ListOf(const ForNode* loop) {
    switch (loop->for_kind) {
      case ForKind::kParallel:
        return &parallel;
      case ForKind::kVectorized:
        return &vectorized;
      case ForKind::kUnrolled:
        return &unrolled;
      case ForKind::kThreadBinding: {
        const std::string_view tag = loop->thread_binding->thread_tag;
        if (tag.starts_with("vthread")) return &vthread;
        if (tag.size() == 10 && tag.starts_with("blockIdx.")) return &block_idx[std::clamp(tag[9] - 'x', 0, 2)];
        if (tag.size() == 11 && tag.starts_with("threadIdx.")) return &thread_idx[std::clamp(tag[10] - 'x', 0, 2)];
        return nullptr;
      }
      case ForKind::kSerial:
        return nullptr;
    }
    return nullptr;
  }
};

// ---- group 1

struct ArithOps {
  OperationCounts count{};

  explicit ArithOps(const BufferStoreNode* store, int64_t prod) {
    PostOrderVisitExprs(store->value, [&](Expr e) { CountOperation(e, prod, count); });
  }
  int64_t Floats() const { return count[0] + count[1] + count[2] + count[3] + count[4] + count[5] + count[6]; }
};

void ExportAnnotated(const std::vector<const ForNode*>& loops, double* out) {
  if (loops.empty()) {
    out[3] = 1;  // Position "none".
    return;
  }
  const int64_t* innermost = ConstInt(loops.back()->extent);
  out[0] = Slog(static_cast<double>(loops.size()));
  out[1] = Slog(static_cast<double>(Product(loops)));
  out[2] = Slog(static_cast<double>(innermost != nullptr ? *innermost : 1));
  out[10] = 1;  // Position "mixed".
}

void ExportGroup1(const ArithOps& ops, const LoopNest& nest, bool is_gpu, double* out) {
  for (int i = 0; i < 16; ++i) out[i] = Slog(static_cast<double>(ops.count[i]));
  ExportAnnotated(nest.vectorized, out + 16);
  ExportAnnotated(nest.unrolled, out + 27);
  ExportAnnotated(nest.parallel, out + 38);
  out[49] = is_gpu ? 1 : 0;
  auto extent = [&](const std::vector<const ForNode*>& loops) {
    if (!is_gpu || loops.empty()) return Slog(1);
    const int64_t* value = ConstInt(loops.front()->extent);
    return Slog(static_cast<double>(value != nullptr ? *value : 1));
  };
  for (int i = 0; i < 3; ++i) {
    out[50 + i] = extent(nest.block_idx[i]);
    out[53 + i] = extent(nest.thread_idx[i]);
  }
  out[56] = extent(nest.vthread);
}

// ---- group 2

enum class Access { kRead, kWrite, kReadWrite };
enum class Reuse { kLoopMultipleRead, kSerialMultipleReadWrite, kNone };

// How often a variable advances an index expression (the peer's scan, with its quirks).
class CoefficientScan {
 public:
  explicit CoefficientScan(const VarNode* var) : var_(var) {}
  int64_t Of(Expr e) {
    Visit(e);
    if (!seen_var_) return 0;
    return seen_mul_ || seen_add_ ? value_ : 1;
  }

 private:
  static const int64_t* Literal(const BinaryNode* node) {
    const int64_t* left = ConstInt(node->a);
    return left != nullptr ? left : ConstInt(node->b);
  }
  void Visit(Expr e) {
    switch (e.kind()) {
      case ExprKind::kVar:
        if (e.get() == var_) {
          seen_var_ = true;
          value_ = 2;
        }
        return;
      case ExprKind::kIntImm:
      case ExprKind::kFloatImm:
      case ExprKind::kStringImm:
        return;
      default:
        break;
    }
    if (const auto* node = e.as<BinaryNode>()) {
      Visit(node->a);
      Visit(node->b);
      if (node->kind == ExprKind::kMul) {
        const int64_t* literal = Literal(node);
        if (literal != nullptr && seen_var_ && !seen_add_) {
          seen_mul_ = true;
          value_ = *literal;
        }
      } else if (node->kind == ExprKind::kAdd && seen_var_ && !seen_mul_) {
        seen_add_ = true;
        value_ = 1;
      }
      return;
    }
    if (const auto* node = e.as<CastNode>()) return Visit(node->value);
    if (const auto* node = e.as<NotNode>()) return Visit(node->a);
    if (const auto* node = e.as<BroadcastNode>()) return Visit(node->value);
    if (const auto* node = e.as<RampNode>()) {
      Visit(node->base);
      return Visit(node->stride);
    }
    if (const auto* node = e.as<SelectNode>()) {
      Visit(node->condition);
      Visit(node->true_value);
      return Visit(node->false_value);
    }
    if (const auto* node = e.as<BufferLoadNode>()) {
      for (Expr index : node->indices) Visit(index);
      return;
    }
    if (const auto* node = e.as<CallNode>()) {
      for (Expr arg : node->args) Visit(arg);
    }
  }

  const VarNode* var_;
  bool seen_var_ = false;
  bool seen_mul_ = false;
  bool seen_add_ = false;
  int64_t value_ = 0;
};

struct SubFeature {
  Buffer buffer;
  Access access = Access::kRead;
  std::vector<Array<Expr>> indices;
  std::vector<int64_t> access_shape;
  std::vector<int64_t> loop_numel;  // By loop, outermost first.
  int64_t num_continuous_bytes = 1;
  // Stride.
  int64_t stride = 0;
  int64_t min_stride = 0;
  int64_t innermost_stride = 0;
  int64_t prod_non_strided = 1;
  // Reuse.
  Reuse reuse = Reuse::kNone;
  double reuse_dis_iter = 0;
  double reuse_dis_bytes = 0;
  int64_t reuse_ct = 0;
  // Derived.
  double bytes = 0;
  double unique_bytes = 0;
  double lines = 0;
  double unique_lines = 0;
};

// touched[loop][buffer]: numbers of elements, one entry a store. Buffers in order of first touch.
struct TouchedBuffer {
  Buffer buffer;
  std::vector<int64_t> numel;
};
using TouchedTable = absl::flat_hash_map<const ForNode*, std::vector<TouchedBuffer>>;

std::vector<int64_t>& TouchedEntry(TouchedTable& table, const ForNode* loop, Buffer buffer) {
  std::vector<TouchedBuffer>& row = table[loop];
  for (TouchedBuffer& t : row) {
    if (t.buffer == buffer) return t.numel;
  }
  row.push_back({buffer, {}});
  return row.back().numel;
}

std::vector<SubFeature> CollectAccesses(const BufferStoreNode* store) {
  std::vector<SubFeature> out;
  SubFeature stored;
  stored.buffer = store->buffer;
  stored.access = Access::kWrite;
  stored.indices.push_back(store->indices);
  out.push_back(std::move(stored));
  // Loads in pre-order would meet outer loads first; order only breaks ties that names leave open.
  PostOrderVisitExprs(store->value, [&](Expr e) {
    const auto* load = e.as<BufferLoadNode>();
    if (load == nullptr) return;
    const Buffer buffer(load->buffer);
    for (SubFeature& f : out) {
      if (!(f.buffer == buffer)) continue;
      if (f.access == Access::kRead) {
        f.indices.push_back(load->indices);
      } else {
        f.access = Access::kReadWrite;
      }
      return;
    }
    SubFeature f;
    f.buffer = buffer;
    f.indices.push_back(load->indices);
    out.push_back(std::move(f));
  });
  return out;
}

// Elements touched by all index tuples under the given variable intervals; `shape` gets the extents if not null.
int64_t TouchedNumel(const SubFeature& f, const VarIntervals& bounds, std::vector<int64_t>* shape) {
  const size_t rank = f.indices[0].size();
  int64_t numel = 1;
  if (shape != nullptr) shape->assign(rank, 0);
  for (size_t d = 0; d < rank; ++d) {
    int64_t low = Interval::kInf;
    int64_t high = -Interval::kInf;
    for (const Array<Expr>& index : f.indices) {
      const Interval v = EvaluateInterval(index[d], bounds);
      low = std::min(low, v.min);
      high = std::max(high, v.max);
    }
    const int64_t extent = high - low + 1;
    if (shape != nullptr) (*shape)[d] = extent;
    numel *= extent;
  }
  return std::max<int64_t>(numel, 0);
}

void FillContinuousBytes(SubFeature& f) {
  for (size_t d = f.access_shape.size(); d-- > 0;) {
    if (f.access_shape[d] == UpperBoundOr1(f.buffer->shape[d])) {
      f.num_continuous_bytes = f.access_shape[d] * f.buffer->dtype.bytes();
      return;
    }
  }
  f.num_continuous_bytes = 1;
}

void FillStride(SubFeature& f, const LoopNest& nest) {
  const size_t rank = f.buffer->shape.size();
  std::vector<int64_t> strides(rank, 1);
  for (size_t d = rank; d-- > 1;) strides[d - 1] = strides[d] * UpperBoundOr1(f.buffer->shape[d]);
  const int n = static_cast<int>(nest.loops.size());
  auto stride_of = [&](const VarNode* var) {
    int64_t result = std::numeric_limits<int64_t>::max();
    for (const Array<Expr>& index : f.indices) {
      for (size_t d = index.size(); d-- > 0;) {
        const int64_t coefficient = CoefficientScan(var).Of(index[d]);
        if (coefficient == 0) continue;
        result = std::min(result, std::abs(coefficient) * strides[d]);
        break;
      }
    }
    return result == std::numeric_limits<int64_t>::max() ? 0 : result;
  };
  int p = n - 1;
  for (; p >= 0; --p) {
    const int64_t stride = stride_of(nest.loops[p]->loop_var.get());
    if (stride == 0) continue;
    f.min_stride = stride;
    if (p == n - 1) f.innermost_stride = stride;
    break;
  }
  for (int i = n - 1; i > p; --i) {
    if (const int64_t* extent = ConstInt(nest.loops[i]->extent)) f.prod_non_strided *= *extent;
  }
}

bool IndexUses(const SubFeature& f, const VarNode* var) {
  for (const Array<Expr>& index : f.indices) {
    for (Expr e : index) {
      if (UsesVar(e, Var(var))) return true;
    }
  }
  return false;
}

void FillReuse(SubFeature& f, const LoopNest& nest, TouchedTable& touched, int64_t top_bytes) {
  const int n = static_cast<int>(nest.loops.size());
  int64_t deeper = 1;  // Product of extents below loop i.
  for (int i = n - 1; i >= 0; --i) {
    const ForNode* loop = nest.loops[i];
    const int64_t* constant = ConstInt(loop->extent);
    const int64_t extent = constant != nullptr ? *constant : 1;
    if (!IndexUses(f, loop->loop_var.get())) {
      f.reuse = Reuse::kLoopMultipleRead;
      f.reuse_ct = extent;
      f.reuse_dis_iter = static_cast<double>(deeper);
      if (i == n - 1) {
        f.reuse_dis_bytes = static_cast<double>(top_bytes);
      } else {
        f.reuse_dis_bytes = 0;
        for (const TouchedBuffer& t : touched[nest.loops[i + 1]]) {
          for (int64_t numel : t.numel) f.reuse_dis_bytes += static_cast<double>(numel * t.buffer->dtype.bytes());
        }
      }
      return;
    }
    const std::vector<int64_t>& entries = TouchedEntry(touched, loop, f.buffer);
    if (entries.size() >= 2) {
      f.reuse = Reuse::kSerialMultipleReadWrite;
      f.reuse_ct = static_cast<int64_t>(entries.size()) - 1;
      f.reuse_dis_iter =
          static_cast<double>(*std::min_element(entries.begin(), entries.end())) / static_cast<double>(extent);
      double bytes = 0;
      for (const TouchedBuffer& t : touched[loop]) {
        for (int64_t numel : t.numel) bytes += static_cast<double>(numel * t.buffer->dtype.bytes());
      }
      f.reuse_dis_bytes = bytes / static_cast<double>(extent);
      return;
    }
    deeper *= extent;
  }
}

void ExportSubFeature(const SubFeature& f, double* out) {
  out[0] = f.access == Access::kRead;
  out[1] = f.access == Access::kWrite;
  out[2] = f.access == Access::kReadWrite;
  out[3] = Slog(f.bytes);
  out[4] = Slog(f.unique_bytes);
  out[5] = Slog(f.lines);
  out[6] = Slog(f.unique_lines);
  out[7] = f.reuse == Reuse::kLoopMultipleRead;
  out[8] = f.reuse == Reuse::kSerialMultipleReadWrite;
  out[9] = f.reuse == Reuse::kNone;
  out[10] = Slog(f.reuse_dis_iter);
  out[11] = Slog(f.reuse_dis_bytes);
  out[12] = Slog(static_cast<double>(f.reuse_ct));
  const double rc = f.reuse_ct > 0 ? static_cast<double>(f.reuse_ct) : 0.5;
  out[13] = Slog(f.bytes / rc);
  out[14] = Slog(f.unique_bytes / rc);
  out[15] = Slog(f.lines / rc);
  out[16] = Slog(f.unique_lines / rc);
  out[17] = Slog(static_cast<double>(f.stride));
}

// ---- the walk

struct StoreRow {
  Buffer buffer;
  std::vector<double> values;  // Groups 1, 2, 3 and 5; group 4 is filled in by FillGroup4.
  double outer_prod = 1;
  double alloc_size = 0;
  double alloc_prod = 0;
  double alloc_outer_prod = 1;
};

class Collector final : public StmtExprVisitor {
 public:
  Collector(bool is_gpu, const PerStoreConfig& config) : is_gpu_(is_gpu), config_(config) {}

  void Run(PrimFunc func) {
    VisitStmt(func->body);
    for (const BufferBinding& binding : func->buffer_map) FillGroup4(binding.buffer);
  }

  FeatureMatrix Export() const {
    FeatureMatrix m;
    m.rows = static_cast<int>(rows_.size());
    m.columns = config_.columns();
    m.values.reserve(static_cast<size_t>(m.rows) * m.columns);
    const int group4 = 57 + 18 * config_.buffers_per_store + config_.arith_intensity_samples;
    for (const StoreRow& row : rows_) {
      std::vector<double> values = row.values;
      values[group4] = Slog(row.alloc_size);
      values[group4 + 1] = Slog(row.alloc_prod);
      values[group4 + 2] = Slog(row.alloc_outer_prod);
      values[group4 + 3] = Slog(row.outer_prod / row.alloc_outer_prod);
      for (double v : values) m.values.push_back(static_cast<float>(v));
    }
    return m;
  }

 private:
  using StmtExprVisitor::Visit;

  void VisitExpr(Expr) override {}

  void Visit(const ForNode* loop) override {
    std::vector<const ForNode*>* list = nest_.ListOf(loop);
    const int64_t* extent = ConstInt(loop->extent);
    const int64_t saved = nest_.prod;
    int64_t unroll = 0;
    unroll = std::max<int64_t>(loop->annotations.GetInt("pragma_auto_unroll_max_step", 0), 0);
    if (extent != nullptr) nest_.prod *= *extent;
    if (list != nullptr) list->push_back(loop);
    if (unroll > 0) nest_.auto_unroll.push_back(unroll);
    nest_.loops.push_back(loop);
    VisitStmt(loop->body);
    nest_.loops.pop_back();
    if (unroll > 0) nest_.auto_unroll.pop_back();
    if (list != nullptr) list->pop_back();
    nest_.prod = saved;
  }

  void Visit(const BufferStoreNode* store) override {
    if (store->value.kind() == ExprKind::kIntImm || store->value.kind() == ExprKind::kFloatImm) return;
    StoreRow* row = RowOf(store->buffer);
    row->values.assign(config_.columns(), 0.0);
    row->outer_prod = static_cast<double>(nest_.prod);
    const ArithOps ops(store, nest_.prod);
    ExportGroup1(ops, nest_, is_gpu_, row->values.data());
    std::vector<int64_t> touched_bytes;
    ExportGroup2(store, row->values.data() + 57, touched_bytes);
    const int group3 = 57 + 18 * config_.buffers_per_store;
    ExportGroup3(ops, touched_bytes, row->values.data() + group3);
    double* group5 = row->values.data() + group3 + config_.arith_intensity_samples + 4;
    group5[0] = Slog(row->outer_prod);
    group5[1] = Slog(static_cast<double>(nest_.loops.size()));
    group5[2] = Slog(nest_.auto_unroll.empty() ? 0.0 : static_cast<double>(nest_.auto_unroll.back()));
  }

  void Visit(const BlockNode* block) override {
    VisitStmt(block->init);
    VisitStmt(block->body);
    for (Buffer buffer : block->alloc_buffers) FillGroup4(buffer);
  }

  StoreRow* RowOf(Buffer buffer) {
    for (StoreRow& row : rows_) {
      if (row.buffer == buffer) return &row;
    }
    rows_.push_back({});
    rows_.back().buffer = buffer;
    return &rows_.back();
  }

  void FillGroup4(Buffer buffer) {
    for (StoreRow& row : rows_) {
      if (!(row.buffer == buffer)) continue;
      double numel = 1;
      for (Expr dim : buffer->shape) numel *= static_cast<double>(UpperBoundOr1(dim));
      row.alloc_size = numel * buffer->dtype.bytes();
      row.alloc_outer_prod = static_cast<double>(nest_.prod);
      row.alloc_prod = numel * row.alloc_outer_prod;
    }
  }

  void ExportGroup2(const BufferStoreNode* store, double* out, std::vector<int64_t>& touched_bytes) {
    std::vector<SubFeature> features = CollectAccesses(store);
    const int n = static_cast<int>(nest_.loops.size());
    touched_bytes.assign(n, 0);
    int64_t top_bytes = 0;
    VarIntervals bounds;
    for (const ForNode* loop : nest_.loops) {
      const Interval low = EvaluateInterval(loop->min, bounds);
      bounds[loop->loop_var.get()] = {low.min, low.min};
    }
    for (SubFeature& f : features) {
      f.loop_numel.assign(n, 0);
      f.access_shape.assign(f.buffer->shape.size(), 1);
      if (n > 0) top_bytes += f.buffer->dtype.bytes();
    }
    for (int i = n - 1; i >= 0; --i) {
      const ForNode* loop = nest_.loops[i];
      const Interval low = EvaluateInterval(loop->min, bounds);
      const Interval extent = EvaluateInterval(loop->extent, bounds);
      bounds[loop->loop_var.get()] = {low.min, low.max + extent.max - 1};
      for (SubFeature& f : features) {
        const int64_t numel = TouchedNumel(f, bounds, i == 0 ? &f.access_shape : nullptr);
        f.loop_numel[i] = numel;
        touched_bytes[i] += numel * f.buffer->dtype.bytes();
        TouchedEntry(touched_, loop, f.buffer).push_back(numel);
      }
    }
    for (SubFeature& f : features) {
      FillContinuousBytes(f);
      FillStride(f, nest_);
      FillReuse(f, nest_, touched_, top_bytes);
      Derive(f);
    }
    std::stable_sort(features.begin(), features.end(), [](const SubFeature& a, const SubFeature& b) {
      if (a.lines != b.lines) return a.lines > b.lines;
      if (a.bytes != b.bytes) return a.bytes > b.bytes;
      return a.buffer->name < b.buffer->name;
    });
    for (size_t i = 0; i < features.size() && i < static_cast<size_t>(config_.buffers_per_store); ++i) {
      ExportSubFeature(features[i], out + 18 * i);
    }
  }

  void Derive(SubFeature& f) {
    const double element = f.buffer->dtype.bytes();
    const double prod = static_cast<double>(nest_.prod);
    f.stride = f.innermost_stride;
    f.bytes = element * prod;
    if (nest_.loops.empty()) {
      f.unique_bytes = f.lines = f.unique_lines = 1;
      return;
    }
    f.unique_bytes = static_cast<double>(f.loop_numel[0]) * element;
    const double line = config_.cache_line_bytes;
    f.lines = prod / static_cast<double>(f.prod_non_strided) *
              std::min(1.0, static_cast<double>(f.min_stride) * element / line);
    f.lines = std::max(1.0, f.lines);
    f.unique_lines = f.unique_bytes / std::min(line, static_cast<double>(f.num_continuous_bytes));
    f.unique_lines = std::max(1.0, f.unique_lines);
  }

  void ExportGroup3(const ArithOps& ops, const std::vector<int64_t>& touched_bytes, double* out) {
    const int n = static_cast<int>(nest_.loops.size());
    if (n == 0) return;
    const int64_t ops0 = nest_.prod != 0 ? ops.Floats() / nest_.prod : 0;
    std::vector<double> memory(n), compute(n);
    double running = static_cast<double>(ops0);
    for (int k = 0; k < n; ++k) {
      const ForNode* loop = nest_.loops[n - 1 - k];
      if (const int64_t* extent = ConstInt(loop->extent)) running *= static_cast<double>(*extent);
      compute[k] = running;
      memory[k] = static_cast<double>(touched_bytes[n - 1 - k]);
    }
    const double total = compute[n - 1];
    if (total <= 0) return;
    int p = 0;
    for (int i = 0; i < config_.arith_intensity_samples; ++i) {
      const double c = total * static_cast<double>(i + 1) / config_.arith_intensity_samples;
      while (p < n - 1 && compute[p] < c - 1e-4) ++p;
      double value;
      if (p == 0) {
        value = compute[0] / memory[0];
      } else {
        const double x0 = compute[p - 1], x1 = compute[p];
        const double y0 = x0 / memory[p - 1], y1 = x1 / memory[p];
        value = x1 == x0 ? y1 : y0 + (c - x0) / (x1 - x0) * (y1 - y0);
      }
      out[i] = Slog(value);
    }
  }

  const bool is_gpu_;
  const PerStoreConfig config_;
  LoopNest nest_;
  TouchedTable touched_;
  std::vector<StoreRow> rows_;
};

}  // namespace

FeatureMatrix PerStoreFeatures(const IRModule& module, bool is_gpu, const PerStoreConfig& config) {
  Collector collector(is_gpu, config);
  for (const ModuleEntry& entry : module->functions) {
    if (const auto* func = As<PrimFuncNode>(entry.function)) collector.Run(func);
  }
  return collector.Export();
}

}  // namespace hone
