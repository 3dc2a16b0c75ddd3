#include "common/schedule/primitive/sample.h"

#include <algorithm>

#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/location_checks.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

// Primes beyond this are treated as a single leftover factor.
constexpr int64_t kLargestTablePrime = 65536;
// Factors of one tile; far beyond what a program of loops needs.
constexpr int kMaxTiles = 1024;

struct PrimePower {
  int64_t prime;
  int exponent;
  bool leftover;  // Beyond the table of primes: a single factor.
};

std::vector<PrimePower> Factorize(int64_t number) {
  std::vector<PrimePower> out;
  for (int64_t p = 2; p <= kLargestTablePrime && p * p <= number; ++p) {
    int exponent = 0;
    while (number % p == 0) {
      number /= p;
      ++exponent;
    }
    if (exponent > 0) out.push_back({p, exponent, false});
  }
  if (number > 1) out.push_back({number, 1, number > kLargestTablePrime});
  return out;
}

int64_t Power(int64_t base, int64_t exponent) {
  int64_t out = 1;
  while (exponent-- > 0) out *= base;
  return out;
}

std::vector<int64_t> SampleTile(RandomEngine& random, int64_t extent, int n) {
  if (n == 1) return {extent};
  std::vector<int64_t> out(static_cast<size_t>(n), 1);
  if (extent == 1) return out;
  for (const PrimePower& factor : Factorize(extent)) {
    if (n == 2) {
      if (factor.leftover) {
        out[random.SampleInt(0, 2) == 1 ? 1 : 0] *= factor.prime;
      } else {
        const int64_t x = random.SampleInt(0, factor.exponent + 1);
        out[0] *= Power(factor.prime, x);
        out[1] *= Power(factor.prime, factor.exponent - x);
      }
      continue;
    }
    if (factor.leftover || factor.exponent == 1) {
      out[static_cast<size_t>(random.SampleInt(0, n))] *= factor.prime;
      continue;
    }
    // Stars and bars: n - 1 bars among exponent + n - 1 places; the gaps are the exponents.
    std::vector<int64_t> bars = random.SampleWithoutReplacement(factor.exponent + n - 1, n - 1);
    std::sort(bars.begin(), bars.end());
    bars.push_back(factor.exponent + n - 1);
    int64_t before = -1;
    for (int i = 0; i < n; ++i) {
      out[static_cast<size_t>(i)] *= Power(factor.prime, bars[static_cast<size_t>(i)] - before - 1);
      before = bars[static_cast<size_t>(i)];
    }
  }
  return out;
}

int64_t ProductFrom(absl::Span<const int64_t> factors, size_t from) {
  int64_t product = 1;
  for (size_t i = from; i < factors.size(); ++i) product *= factors[i];
  return product;
}

}  // namespace

std::vector<int64_t> SamplePerfectTile(RandomEngine& random, int64_t extent, int n, int64_t max_innermost_factor) {
  while (true) {
    std::vector<int64_t> out = SampleTile(random, extent, n);
    if (max_innermost_factor == -1 || out.back() <= max_innermost_factor) return out;
  }
}

std::vector<int64_t> SamplePartitionedTile(RandomEngine& random, int64_t extent, int n, int partition_pos,
                                           int64_t innerpart_factor) {
  if (partition_pos == 0 && innerpart_factor == 1) return SamplePerfectTile(random, extent, n, -1);
  while (true) {
    std::vector<int64_t> out = SampleTile(random, extent, n);
    if (ProductFrom(out, static_cast<size_t>(partition_pos)) % innerpart_factor == 0) return out;
  }
}

void RepairTile(int64_t extent, std::vector<int64_t>& factors) {
  int64_t left = extent;
  for (size_t i = factors.size() - 1; i > 0; --i) {
    if (factors[i] <= 0 || left % factors[i] != 0) factors[i] = left;
    left /= factors[i];
  }
  factors[0] = left;
}

namespace {

// Calls f(location) for each, in order, until it returns true.
template <typename F>
void ForEachLoopLocation(ScheduleState& state, SrefId block, const F& f) {
  const SrefList consumers = Consumers(state, block);
  if (consumers.empty()) return;
  const SrefId boundary = consumers.size() > 1 ? LowestCommonAncestor(state, consumers) : state.parent(consumers[0]);
  if (boundary == kNoSref || state.loop(boundary) == nullptr) return;
  const SrefList loops = LoopsAbove(state, consumers[0]);
  const size_t count = static_cast<size_t>(std::find(loops.begin(), loops.end(), boundary) - loops.begin()) + 1;
  if (count > loops.size()) return;
  absl::InlinedVector<ir::IterType, 16> types;
  int last_spatial = -1;
  for (size_t i = 0; i < count; ++i) {
    types.push_back(LoopIterType(state, loops[i]));
    if (types.back() == ir::IterType::kSpatial) last_spatial = static_cast<int>(i);
  }
  bool seen_other = false;
  for (size_t i = 0; i < count; ++i) {
    if (ir::IsOne(state.loop(loops[i])->extent)) continue;
    if (types[i] == ir::IterType::kSpatial) {
      if (seen_other) break;
    } else {
      seen_other = true;
      if (static_cast<int>(i) > last_spatial) break;
    }
    if (f(ComputeLocation{static_cast<int64_t>(i), loops[i]})) return;
  }
}

}  // namespace

std::vector<ComputeLocation> ComputeLocations(ScheduleState& state, SrefId block) {
  std::vector<ComputeLocation> out;
  if (CanComputeInline(state, block)) out.push_back({-2, kNoSref});
  out.push_back({-1, kNoSref});
  ForEachLoopLocation(state, block, [&](const ComputeLocation& location) {
    if (CanComputeAt(state, block, location.loop, /*preserve_unit_loops=*/true)) out.push_back(location);
    return false;
  });
  return out;
}

namespace {

// The location that a decision means: itself when it is one, else the largest one below, else the root.
ComputeLocation DecidedLocation(ScheduleState& state, SrefId block, int64_t decision) {
  if (decision <= -2) {
    if (decision == -2 && CanComputeInline(state, block)) return {-2, kNoSref};
    return {-1, kNoSref};
  }
  // Candidates from -1 up are in ascending order, and -1 is always one: test from the decision downward.
  std::vector<ComputeLocation> possible;
  ForEachLoopLocation(state, block, [&](const ComputeLocation& location) {
    if (location.index > decision) return true;
    possible.push_back(location);
    return false;
  });
  for (size_t i = possible.size(); i-- > 0;) {
    if (CanComputeAt(state, block, possible[i].loop, /*preserve_unit_loops=*/true)) return possible[i];
  }
  return {-1, kNoSref};
}

}  // namespace

// ---- methods

absl::StatusOr<ExprRv> Schedule::SampleCategorical(absl::Span<const int64_t> candidates, absl::Span<const double> probs,
                                                   std::optional<int64_t> decision) {
  const PrimitiveScope scope(*this, kSampleCategoricalRow);
  if (candidates.size() != probs.size() || candidates.empty()) {
    return absl::InvalidArgumentError(
        StrCat("expected as many probabilities as candidates (", candidates.size(), "), got ", probs.size()));
  }
  const auto size = static_cast<int64_t>(candidates.size());
  if (decision.has_value() && (*decision < 0 || *decision >= size)) {
    return absl::InvalidArgumentError(StrCat("decision ", *decision, ": expected an index below ", size));
  }
  const int64_t index = decision.has_value() ? *decision : static_cast<int64_t>(random_.SampleWeighted(probs));
  const ExprRv out = NewExprRv(candidates[static_cast<size_t>(index)]);
  absl::InlinedVector<Value, 8> weights;
  for (double p : probs) weights.push_back(Value::Float(p));
  Record(kSampleCategoricalRow, {},
         {ListOfInts(candidates), Value::List(ir::Array<Value>(weights.data(), weights.size()))}, {out},
         Value::Int(index));
  return out;
}

namespace {

// The extent of the loop when it is a literal.
const int64_t* ExtentOf(const ScheduleState& state, SrefId loop) { return ir::ConstInt(state.loop(loop)->extent); }

}  // namespace

absl::StatusOr<ExprRvs> Schedule::SamplePerfectTile(LoopRv loop, int n, int max_innermost_factor,
                                                    absl::Span<const int64_t> decision) {
  const PrimitiveScope scope(*this, kSamplePerfectTileRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  const int64_t* extent = ExtentOf(state_, id);
  std::vector<int64_t> tile;
  if (extent == nullptr) {
    if (n < 1 || n > kMaxTiles) return absl::InvalidArgumentError(StrCat("n ", n, ": expected 1 to ", kMaxTiles));
    tile.assign(static_cast<size_t>(n), 1);
    tile[0] = -1;
  } else if (!decision.empty()) {
    // One factor is what a tile of one decides; the peer takes it only when it samples afresh.
    if (decision.size() < 2 && n != 1) return absl::InvalidArgumentError("decision: expected two factors or more");
    tile.assign(decision.begin(), decision.end());
    RepairTile(*extent, tile);
  } else {
    if (n < 1 || n > kMaxTiles || (n < 2 && max_innermost_factor != -1)) {
      return absl::InvalidArgumentError(StrCat("n ", n, ": expected 2 to ", kMaxTiles));
    }
    if (max_innermost_factor < 1 && max_innermost_factor != -1) {
      return absl::InvalidArgumentError(
          StrCat("max_innermost_factor ", max_innermost_factor, ": expected -1 or a positive number"));
    }
    tile = schedule::SamplePerfectTile(random_, *extent, n, max_innermost_factor);
  }
  ExprRvs out;
  for (int64_t factor : tile) out.push_back(factor == -1 ? ExprRv{} : NewExprRv(factor));
  Record(kSamplePerfectTileRow, {Value::OfRv(loop)}, {Value::Int(n), Value::Int(max_innermost_factor)}, RvsOf(out),
         ListOfInts(tile));
  return out;
}

absl::StatusOr<ExprRvs> Schedule::SamplePartitionedTile(LoopRv loop, int n, int partition_pos, int innerpart_factor,
                                                        absl::Span<const int64_t> decision) {
  const PrimitiveScope scope(*this, kSamplePartitionedTileRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  const int64_t* extent = ExtentOf(state_, id);
  if (n < 1 || n > kMaxTiles || partition_pos < 0 || partition_pos >= n || innerpart_factor < 1) {
    return absl::InvalidArgumentError(StrCat("n ", n, ", partition_pos ", partition_pos, ", innerpart_factor ",
                                             innerpart_factor, ": expected 0 <= partition_pos < n and a factor > 0"));
  }
  std::vector<int64_t> tile;
  if (extent == nullptr || *extent % innerpart_factor != 0) {
    tile.assign(static_cast<size_t>(n), 1);
    tile[0] = -1;
  } else if (!decision.empty()) {
    tile.assign(decision.begin(), decision.end());
    const auto inner = static_cast<size_t>(partition_pos);
    if (inner >= tile.size()) return absl::InvalidArgumentError("decision: expected a factor at partition_pos");
    if (ProductFrom(tile, inner) % innerpart_factor != 0) {
      std::fill(tile.begin(), tile.end(), 1);
      tile[0] = *extent / innerpart_factor;
      tile[inner] *= innerpart_factor;
    } else {
      RepairTile(*extent, tile);
    }
  } else {
    tile = schedule::SamplePartitionedTile(random_, *extent, n, partition_pos, innerpart_factor);
  }
  ExprRvs out;
  for (int64_t factor : tile) out.push_back(NewExprRv(factor));
  Record(kSamplePartitionedTileRow, {Value::OfRv(loop)},
         {Value::Int(n), Value::Int(partition_pos), Value::Int(innerpart_factor)}, RvsOf(out), ListOfInts(tile));
  return out;
}

absl::StatusOr<LoopRv> Schedule::SampleComputeLocation(BlockRv block, std::optional<int64_t> decision) {
  const PrimitiveScope scope(*this, kSampleComputeLocationRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(RequireScopeRoot(state_, id).status());
  ComputeLocation location;
  if (decision.has_value()) {
    location = DecidedLocation(state_, id, *decision);
  } else {
    const std::vector<ComputeLocation> all = ComputeLocations(state_, id);
    location = all[static_cast<size_t>(random_.SampleInt(0, static_cast<int64_t>(all.size())))];
  }
  const LoopRv out = location.index == -2   ? NewInlineMark()
                     : location.index == -1 ? NewRootMark()
                                            : NewLoopRv(location.loop);
  Record(kSampleComputeLocationRow, {Value::OfRv(block)}, {}, {out}, Value::Int(location.index));
  return out;
}

// ---- rows

namespace {

std::optional<int64_t> IntDecision(const Call& call) {
  if (!call.decision.is_integral()) return std::nullopt;
  return call.decision.integer();
}

absl::Status ApplyCategorical(Schedule& s, Call& c) {
  absl::InlinedVector<double, 8> probs;
  for (const Value& p : c.attrs[1].list()) probs.push_back(p.number());
  return Put(s.SampleCategorical(IntsOf(c.attrs[0]), probs, IntDecision(c)), c);
}

}  // namespace

const InstructionRow kSampleCategoricalRow = {.name = "SampleCategorical",
                                              .pure = true,
                                              .inputs = "",
                                              .attrs = "[n][f]",
                                              .outputs = Outputs::kOne,
                                              .output_kind = 'v',
                                              .method = "sample_categorical",
                                              .arguments = "candidates,probs",
                                              .apply = ApplyCategorical};

const InstructionRow kSamplePerfectTileRow = {
    .name = "SamplePerfectTile",
    .pure = true,
    .inputs = "l",
    .attrs = "nn",
    .outputs = Outputs::kList,
    .output_kind = 'v',
    .method = "sample_perfect_tile",
    .arguments = "loop,n,max_innermost_factor",
    .apply = [](Schedule& s, Call& c) {
      return PutAll(s.SamplePerfectTile(LoopOf(c, 0), IntOf(c.attrs[0]), IntOf(c.attrs[1]), IntsOf(c.decision)), c);
    }};

const InstructionRow kSamplePartitionedTileRow = {
    .name = "SamplePartitionedTile",
    .pure = true,
    .inputs = "l",
    .attrs = "nnn",
    .outputs = Outputs::kList,
    .output_kind = 'v',
    .method = "sample_partitioned_tile",
    .arguments = "loop,n,partition_pos,innerpart_factor",
    .apply = [](Schedule& s, Call& c) {
      return PutAll(s.SamplePartitionedTile(LoopOf(c, 0), IntOf(c.attrs[0]), IntOf(c.attrs[1]), IntOf(c.attrs[2]),
                                            IntsOf(c.decision)),
                    c);
    }};

const InstructionRow kSampleComputeLocationRow = {
    .name = "SampleComputeLocation",
    .pure = true,
    .inputs = "b",
    .attrs = "",
    .outputs = Outputs::kOne,
    .output_kind = 'l',
    .method = "sample_compute_location",
    .arguments = "block",
    .apply = [](Schedule& s, Call& c) { return Put(s.SampleComputeLocation(BlockOf(c, 0), IntDecision(c)), c); }};

}  // namespace hone::schedule
