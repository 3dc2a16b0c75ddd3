#include "server/space/mutator/tile_size.h"

#include <cmath>

#include "common/support/divisors.h"
#include "server/space/mutator/choice.h"

namespace hone {
namespace {

using schedule::Instruction;
using schedule::Trace;
using schedule::Value;

struct Candidate {
  size_t instruction;
  bool is_tile;
};

std::vector<Candidate> FindCandidates(const std::vector<Instruction>& insts, size_t size) {
  std::vector<Candidate> out;
  std::vector<size_t> vector_lengths;
  for (size_t i = 0; i < size; ++i) {
    const Instruction& inst = insts[i];
    if (inst.row->name == "SamplePerfectTile" && inst.decision.is(Value::Kind::kList)) {
      int64_t product = 1;
      for (const Value& part : inst.decision.list()) product *= part.integer();
      if (inst.decision.list().size() >= 2 && product >= 2) out.push_back({i, true});
    }
    if (inst.row->name == "Annotate" && inst.attrs[0].text() == "meta_schedule.cooperative_fetch" &&
        inst.inputs[1].is(Value::Kind::kRv)) {
      const int sample = mutate::ProducerOf(insts, i, inst.inputs[1].rv());
      if (sample >= 0 && insts[sample].row->name == "SampleCategorical" && mutate::NumCategories(insts[sample]) > 1 &&
          insts[sample].decision.is_integral()) {
        vector_lengths.push_back(static_cast<size_t>(sample));
      }
    }
  }
  for (size_t sample : vector_lengths) out.push_back({sample, false});
  return out;
}

// False when no factor can move.
bool MutateTiles(std::vector<int64_t>& tiles, int64_t max_innermost, CounterRandom& random) {
  const int64_t n = static_cast<int64_t>(tiles.size());
  bool any = false;
  for (int64_t t : tiles) any = any || t > 1;
  if (!any) return false;
  for (int attempt = 0; attempt < 1000; ++attempt) {  // Each attempt succeeds with a fair chance; see the reference.
    const int64_t x = static_cast<int64_t>(random.Below(n));
    if (tiles[x] <= 1) continue;
    int64_t y = static_cast<int64_t>(random.Below(n - 1));
    if (y >= x) ++y;
    const std::vector<int64_t> divisors = Divisors(tiles[x]);
    size_t choices = divisors.size();
    if (y == n - 1) {
      choices = 1;
      while (choices < divisors.size() && divisors[choices] * tiles[y] <= max_innermost) ++choices;
      if (choices == 1) {
        if (n <= 2) return false;
        continue;
      }
    }
    const int64_t d = divisors[1 + random.Below(choices - 1)];
    tiles[x] /= d;
    tiles[y] *= d;
    return true;
  }
  return false;
}

}  // namespace

std::optional<Trace> MutateTileSize::Apply(const Trace& trace, CounterRandom& random) const {
  const std::vector<Instruction>& insts = trace.instructions();
  const std::vector<Candidate> candidates = FindCandidates(insts, trace.SizeWithoutPostproc());
  if (candidates.empty()) return std::nullopt;
  const Candidate chosen = candidates[random.Below(candidates.size())];
  const Instruction& inst = insts[chosen.instruction];
  if (!chosen.is_tile) {
    const int64_t other = mutate::OtherCategory(inst, inst.decision.integer(), random);
    if (other < 0) return std::nullopt;
    return trace.WithDecision(chosen.instruction, Value::Int(other), /*remove_postproc=*/true);
  }
  std::vector<int64_t> tiles;
  for (const Value& part : inst.decision.list()) tiles.push_back(part.integer());
  if (!MutateTiles(tiles, inst.attrs[1].integer(), random)) return std::nullopt;
  std::vector<Value> values;
  for (int64_t t : tiles) values.push_back(Value::Int(t));
  return trace.WithDecision(chosen.instruction, Value::List(ir::Array<Value>(values.data(), values.size())),
                            /*remove_postproc=*/true);
}

}  // namespace hone
