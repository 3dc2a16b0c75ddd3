#include "server/space/suggest_layout.h"

#include <algorithm>

#include "common/arith/analyzer.h"
#include "common/arith/index_map.h"
#include "common/arith/iter_map.h"
#include "common/ir/ops.h"
#include "common/support/strings.h"

namespace hone::space {

using namespace ir;  // NOLINT: an internal file about these nodes.

namespace {

struct Part {
  size_t loop;
  int64_t lower;  // Of the loop's variable.
  int64_t extent;
  int64_t scale;  // In elements of the flattened buffer.
};

// Σ index * stride of the row-major buffer.
Expr Flatten(absl::Span<const Expr> indices, const std::vector<int64_t>& shape) {
  Expr flat = IntImm(indices[0].dtype(), 0);
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + indices[d];
  return flat;
}

// The splits of an iter sum down to loop variables; false when one is no plain loop.
bool CollectParts(Array<arith::IterSplit> splits, int64_t outer_scale, const std::vector<const ForNode*>& loops,
                  std::vector<Part>& out) {
  for (const arith::IterSplit& split : splits) {
    const int64_t* lower = ConstInt(split.lower_factor);
    const int64_t* extent = ConstInt(split.extent);
    const int64_t* scale = ConstInt(split.scale);
    if (lower == nullptr || extent == nullptr || scale == nullptr) return false;
    if (split.source->sum != nullptr) {
      const int64_t* whole = ConstInt(split.source->extent);
      if (*lower != 1 || whole == nullptr || *whole != *extent) return false;
      if (!CollectParts(split.source->sum->args, outer_scale * *scale, loops, out)) return false;
      continue;
    }
    size_t loop = 0;
    while (loop < loops.size() && !(split.source->source == Expr(loops[loop]->loop_var))) ++loop;
    if (loop == loops.size()) return false;
    if (*extent > 1) out.push_back({loop, *lower, *extent, outer_scale * *scale});
  }
  return true;
}

}  // namespace

const IndexMapNode* SuggestLayout(Buffer buffer, absl::Span<const Expr> indices,
                                  const std::vector<const ForNode*>& loops, Expr predicate) {
  std::vector<int64_t> shape;
  for (Expr dim : buffer->shape) {
    const int64_t* extent = ConstInt(dim);
    if (extent == nullptr) return nullptr;
    shape.push_back(*extent);
  }
  if (shape.empty()) return nullptr;
  arith::Analyzer analyzer;
  std::vector<arith::IterDomain> domains;
  for (const ForNode* loop : loops) {
    const Range range{loop->min, loop->extent};
    analyzer.Bind(loop->loop_var, range);
    domains.push_back({loop->loop_var, range});
  }
  const Expr flat = analyzer.Simplify(Flatten(indices, shape));
  const Expr flat_list[] = {flat};
  const arith::IterMapResult map =
      arith::DetectIterMap(flat_list, domains, predicate, arith::IterMapLevel::kSurjective, analyzer);
  if (!map.ok) return nullptr;
  std::vector<Part> parts;
  if (!CollectParts(map.indices[0].args, 1, loops, parts)) return nullptr;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.loop != b.loop ? a.loop < b.loop : a.lower > b.lower; });
  int64_t covered = 1;
  for (const Part& part : parts) covered *= part.extent;
  int64_t size = 1;
  for (int64_t extent : shape) size *= extent;
  if (covered != size) return nullptr;  // The loops read a part of the buffer only.
  std::vector<Var> initial;
  std::vector<Expr> initial_exprs;
  std::vector<Range> ranges;
  arith::Analyzer on_indices;
  for (size_t d = 0; d < shape.size(); ++d) {
    initial.push_back(MakeVar(StrCat("i", d), kInt32));
    initial_exprs.push_back(initial.back());
    ranges.push_back(Range{Int32(0), Int32(shape[d])});
    on_indices.Bind(initial.back(), ranges.back());
  }
  const Expr position = Flatten(initial_exprs, shape);
  std::vector<Expr> final_indices;
  for (const Part& part : parts) {
    final_indices.push_back(on_indices.Simplify(FloorMod(FloorDiv(position, part.scale), part.extent)));
  }
  const IndexMapNode* forward = MakeIndexMap(MakeArray(initial), MakeArray(final_indices));
  const auto inverse = arith::InverseIndexMap(forward, ranges, on_indices);
  if (!inverse.ok()) return nullptr;
  return MakeIndexMap(forward->initial_indices, forward->final_indices, *inverse);
}

}  // namespace hone::space
