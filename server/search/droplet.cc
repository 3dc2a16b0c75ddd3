#include "server/search/droplet.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/support/check.h"
#include "common/support/divisors.h"

namespace hone {
namespace {

using schedule::Instruction;
using schedule::Trace;
using schedule::Value;

// The values of an annotation that the walk may try; empty for annotations that it leaves alone.
std::vector<int64_t> AnnotationValues(std::string_view key) {
  if (key == "meta_schedule.parallel") return {32, 64, 128, 256, 512};
  if (key == "meta_schedule.vectorize") return {16, 32, 64, 128, 256};
  if (key == "pragma_auto_unroll_max_step") return {128, 256, 512, 1024, 2048};
  if (key == "meta_schedule.thread_extent_low_inclusive") return {32, 64};
  if (key == "meta_schedule.thread_extent_high_inclusive") return {256, 512, 1024, 2048, 4096};
  return {};
}

DropletCoordinate Make(size_t instruction, int part, std::vector<int64_t> values, int64_t own) {
  values.push_back(own);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const size_t origin = std::find(values.begin(), values.end(), own) - values.begin();
  return {instruction, part, std::move(values), origin};
}

int64_t Product(ir::Array<Value> parts) {
  int64_t out = 1;
  for (const Value& part : parts) out *= part.integer();
  return out;
}

}  // namespace

std::vector<DropletCoordinate> DropletCoordinates(const Trace& trace) {
  std::vector<DropletCoordinate> out;
  const size_t size = trace.SizeWithoutPostproc();
  for (size_t i = 0; i < size; ++i) {
    const Instruction& inst = trace.instructions()[i];
    if (inst.row->name == "SamplePerfectTile" && inst.decision.is(Value::Kind::kList)) {
      const ir::Array<Value> parts = inst.decision.list();
      const int64_t extent = Product(parts);
      const std::vector<int64_t> divisors = extent > 0 ? Divisors(extent) : std::vector<int64_t>();
      for (size_t part = 1; part < parts.size(); ++part) {
        std::vector<int64_t> values;
        for (int64_t d : divisors) {
          if (part + 1 < parts.size() || d <= inst.attrs[1].integer()) values.push_back(d);
        }
        out.push_back(Make(i, static_cast<int>(part), std::move(values), parts[part].integer()));
      }
    } else if (inst.row->name == "SampleCategorical" && inst.decision.is_integral()) {
      std::vector<int64_t> indices;
      for (size_t c = 0; c < inst.attrs[0].list().size(); ++c) indices.push_back(static_cast<int64_t>(c));
      out.push_back(Make(i, -1, std::move(indices), inst.decision.integer()));
    } else if (inst.row->name == "Annotate" && inst.inputs[1].is(Value::Kind::kInt)) {
      std::vector<int64_t> values = AnnotationValues(inst.attrs[0].text());
      if (!values.empty()) out.push_back(Make(i, -1, std::move(values), inst.inputs[1].integer()));
    }
  }
  return out;
}

DropletSearch::DropletSearch(Trace trace, double cost, int budget, int cores)
    : trace_(std::move(trace)),
      coordinates_(DropletCoordinates(trace_)),
      best_cost_(cost),
      budget_(budget),
      batch_size_(std::max<size_t>(std::max(cores, 1), coordinates_.size())) {
  for (const DropletCoordinate& c : coordinates_) {
    best_.push_back(static_cast<uint16_t>(c.origin));
    longest_ = std::max(longest_, static_cast<int>(c.values.size()));
  }
  visited_.insert(KeyOf(best_));
}

uint64_t DropletSearch::KeyOf(const Point& point) const {
  uint64_t key = 0;  // Mixed radix; wraps for huge spaces, where a clash only hides a neighbour.
  for (size_t i = 0; i < point.size(); ++i) key = key * coordinates_[i].values.size() + point[i];
  return key;
}

std::optional<Trace> DropletSearch::TraceOf(const Point& point) const {
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(trace_.arena());
  const ir::ArenaScope scope(arena);
  std::vector<Instruction> instructions(
      trace_.instructions().begin(),
      trace_.instructions().begin() + static_cast<int64_t>(trace_.SizeWithoutPostproc()));
  for (size_t begin = 0; begin < coordinates_.size();) {
    const DropletCoordinate& first = coordinates_[begin];
    Instruction& inst = instructions[first.instruction];
    size_t end = begin + 1;
    while (end < coordinates_.size() && coordinates_[end].instruction == first.instruction) ++end;
    if (first.part < 0) {
      const Value value = Value::Int(first.values[point[begin]]);
      if (inst.row->name == "Annotate") {
        std::vector<Value> inputs(inst.inputs.begin(), inst.inputs.end());
        inputs[1] = value;
        inst.inputs = ir::MakeArray(inputs);
      } else {
        inst.decision = value;
      }
    } else {
      const int64_t extent = Product(inst.decision.list());
      std::vector<Value> parts = {Value::Int(1)};
      int64_t inner = 1;
      for (size_t c = begin; c < end; ++c) {
        parts.push_back(Value::Int(coordinates_[c].values[point[c]]));
        inner *= parts.back().integer();
        if (inner > extent) return std::nullopt;
      }
      if (extent % inner != 0) return std::nullopt;
      parts[0] = Value::Int(extent / inner);
      inst.decision = Value::List(ir::MakeArray(parts));
    }
    begin = end;
  }
  return Trace(std::move(instructions), arena);
}

void DropletSearch::AddNeighbours(int step, size_t limit, std::vector<Point>& out) {
  for (size_t c = 0; c < coordinates_.size() && out.size() < limit; ++c) {
    const int size = static_cast<int>(coordinates_[c].values.size());
    for (const int direction : {1, -1}) {
      const int index = best_[c] + direction * step;
      if (index < 0 || index >= size || out.size() >= limit) continue;
      Point point = best_;
      point[c] = static_cast<uint16_t>(index);
      if (!TraceOf(point).has_value() || !visited_.insert(KeyOf(point)).second) continue;
      out.push_back(std::move(point));
    }
  }
}

std::vector<DropletSearch::Point> DropletSearch::NextBatch() {
  batch_.clear();
  if (done_ || budget_ <= 0) return batch_;
  const size_t limit = std::min(static_cast<size_t>(budget_), batch_size_);
  for (int step = next_step_; step < longest_ && batch_.size() < limit; ++step) {
    // The nearest neighbours are all tried, whatever the size of a batch.
    AddNeighbours(step, step == 1 ? static_cast<size_t>(budget_) : limit, batch_);
    next_step_ = step + 1;
  }
  budget_ -= static_cast<int>(batch_.size());
  return batch_;
}

int DropletSearch::BestBelow(const std::vector<std::optional<double>>& costs) const {
  HONE_CHECK(costs.size() == batch_.size());
  int best = -1;
  for (size_t i = 0; i < costs.size(); ++i) {
    if (!costs[i].has_value() || *costs[i] >= best_cost_) continue;
    if (best < 0 || *costs[i] < *costs[best]) best = static_cast<int>(i);
  }
  return best;
}

void DropletSearch::Advance(const std::vector<std::optional<double>>& costs, int accepted) {
  if (accepted >= 0) {
    best_ = batch_[accepted];
    best_cost_ = *costs[accepted];
    moved_ = true;
    next_step_ = 1;
    return;
  }
  // Nothing of it worked: look further out. Something worked but is no better: this is the place.
  done_ = std::any_of(costs.begin(), costs.end(), [](const std::optional<double>& cost) { return cost.has_value(); });
}

}  // namespace hone
