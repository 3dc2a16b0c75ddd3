#include "server/space/space_size.h"

#include <cstdio>
#include <vector>

#include "common/schedule/primitive/sample.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::space {
namespace {

using schedule::Instruction;
using schedule::Schedule;
using schedule::Trace;

// Ordered factorizations into `parts` numbers: for each prime p^e the ways to spread e over the parts.
double CountFactorizations(int64_t extent, int parts) {
  if (parts == 0) return extent == 1 ? 1 : 0;
  double count = 1;
  for (int64_t p = 2; extent > 1; ++p) {
    if (p * p > extent) p = extent;
    int e = 0;
    for (; extent % p == 0; extent /= p) ++e;
    for (int i = 1; i <= e; ++i) count = count * (parts - 1 + i) / i;
  }
  return count;
}

template <typename F>
double SumOverDivisors(int64_t extent, F&& f) {
  double sum = 0;
  for (int64_t d = 1; d * d <= extent; ++d) {
    if (extent % d != 0) continue;
    sum += f(d);
    if (d != extent / d) sum += f(extent / d);
  }
  return sum;
}

// The extent that a recorded tile decision divides; 0 when it was not known.
int64_t TiledExtent(const schedule::Value& decision) {
  int64_t product = 1;
  for (const schedule::Value& part : decision.list()) product *= part.integer();
  return product < 0 ? 0 : product;
}

// Of the instruction as the replay recorded it.
double Choices(const Instruction& sample) {
  if (sample.row == &schedule::kSampleCategoricalRow) return static_cast<double>(sample.attrs[0].list().size());
  const int64_t extent = TiledExtent(sample.decision);
  const int parts = static_cast<int>(sample.attrs[0].integer());
  if (extent == 0) return 1;
  if (sample.row == &schedule::kSamplePerfectTileRow) {
    return CountPerfectTiles(extent, parts, sample.attrs[1].integer());
  }
  return CountPartitionedTiles(extent, parts, static_cast<int>(sample.attrs[1].integer()), sample.attrs[2].integer());
}

}  // namespace

double CountPerfectTiles(int64_t extent, int parts, int64_t max_last) {
  if (extent < 1 || parts < 1) return 0;
  if (max_last < 0) return CountFactorizations(extent, parts);
  return SumOverDivisors(
      extent, [&](int64_t last) { return last <= max_last ? CountFactorizations(extent / last, parts - 1) : 0.0; });
}

double CountPartitionedTiles(int64_t extent, int parts, int position, int64_t factor) {
  if (extent < 1 || position < 0 || position >= parts || extent % factor != 0) return 1;
  return SumOverDivisors(extent, [&](int64_t inner) {
    return inner % factor == 0
               ? CountFactorizations(extent / inner, position) * CountFactorizations(inner, parts - position)
               : 0.0;
  });
}

absl::StatusOr<double> CountPoints(const Schedule& start, const Trace& trace) {
  Schedule replay = start.CopyWithSeed(1);
  const std::vector<Instruction>& insts = trace.instructions();
  const size_t recorded_before = replay.trace().size();
  double points = 1;
  const auto count_locations = [&](size_t index, const Instruction& sample) {
    // The replay has recorded the instructions before this one: the block is what their output became.
    for (size_t i = 0; i < index; ++i) {
      for (size_t k = 0; k < insts[i].outputs.size(); ++k) {
        if (!(insts[i].outputs[k] == sample.inputs[0].rv())) continue;
        schedule::BlockRv block;
        block.id = replay.trace().instructions()[recorded_before + i].outputs[k].id;
        if (const auto sref = replay.SrefOf(block); sref.ok()) {
          points *= static_cast<double>(schedule::ComputeLocations(replay.mutable_state(), *sref).size());
        }
      }
    }
  };
  HONE_RETURN_IF_ERROR(trace.ApplyTo(replay, /*remove_postproc=*/true, [&](size_t index, const Instruction& inst) {
    if (inst.row == &schedule::kSampleComputeLocationRow) count_locations(index, inst);
    return inst.decision;
  }));
  for (const Instruction& inst : replay.trace().instructions()) {
    if (inst.row == &schedule::kSampleCategoricalRow || inst.row == &schedule::kSamplePerfectTileRow ||
        inst.row == &schedule::kSamplePartitionedTileRow) {
      points *= Choices(inst);
    }
  }
  return points;
}

std::string PointsText(double points) {
  char text[32];
  if (points >= 9e15) {
    std::snprintf(text, sizeof(text), "%.3g", points);
    return text;
  }
  std::snprintf(text, sizeof(text), "%.0f", points);
  std::string out(text);
  for (int at = static_cast<int>(out.size()) - 3; at > 0; at -= 3) out.insert(static_cast<size_t>(at), 1, ',');
  return out;
}

}  // namespace hone::space
