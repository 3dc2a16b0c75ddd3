#include "common/schedule/schedule_error.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/schedule/instruction.h"
#include "common/script/printer.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

constexpr size_t kLinesBefore = 2;
constexpr size_t kLinesAfter = 8;
constexpr size_t kWhole = 30;  // Programs of so many lines are shown whole.
constexpr std::string_view kMark = "# tir.";

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> out;
  size_t start = 0;
  while (start <= text.size()) {
    const size_t end = std::min(text.find('\n', start), text.size());
    out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

size_t IndentOf(const std::string& line) {
  const size_t at = line.find_first_not_of(' ');
  return at == std::string::npos ? line.size() : at;
}

// The printed function with its offending lines marked: "# tir.For#0" behind them.
std::string MarkedText(const Schedule& schedule, const Refusal& refusal) {
  const ScheduleState& state = schedule.state();
  script::PrintOptions options;
  options.syntax_sugar = false;
  options.header = false;
  int loops = 0;
  int blocks = 0;
  std::string_view function;
  std::vector<SrefId> seen;
  for (SrefId id : refusal.nodes) {
    if (!state.alive(id) || std::find(seen.begin(), seen.end(), id) != seen.end()) continue;
    seen.push_back(id);
    if (function.empty()) function = state.FunctionOf(id);
    if (state.FunctionOf(id) != function) continue;
    const bool is_block = state.block(id) != nullptr;
    const ir::Object* node = is_block ? static_cast<const ir::Object*>(state.at(id).realize)
                                      : static_cast<const ir::Object*>(state.loop(id));
    options.annotations.emplace_back(
        node, is_block ? StrCat(kMark.substr(2), "Block#", blocks++) : StrCat(kMark.substr(2), "For#", loops++));
  }
  if (options.annotations.empty()) return "";
  const ir::IRModule module = schedule.module();
  const ir::PrimFuncNode* func = module.FindPrimFunc(function);
  options.name = std::string(function);
  return func == nullptr ? "" : script::PrintFunc(func, options);
}

}  // namespace

std::string RenderProgramAround(const Schedule& schedule) {
  const std::string text = MarkedText(schedule, schedule.state().last_refusal());
  if (text.empty()) return "";
  const std::vector<std::string> lines = Lines(text);
  std::vector<bool> shown(lines.size(), lines.size() <= kWhole);
  shown[0] = true;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(kMark) == std::string::npos) continue;
    for (size_t k = i - std::min(i, kLinesBefore); k < std::min(lines.size(), i + 1 + kLinesAfter); ++k)
      shown[k] = true;
    size_t indent = IndentOf(lines[i]);
    for (size_t k = i; k-- > 0 && indent > 0;) {  // What encloses it.
      if (IndentOf(lines[k]) >= indent) continue;
      indent = IndentOf(lines[k]);
      shown[k] = true;
    }
  }
  std::string out;
  bool left_out = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!shown[i]) {
      if (!left_out) StrAppend(&out, std::string(IndentOf(lines[i]), ' '), "...\n");
      left_out = true;
      continue;
    }
    left_out = false;
    const size_t mark = lines[i].find(kMark);
    if (mark == std::string::npos) {
      StrAppend(&out, lines[i], "\n");
      continue;
    }
    const std::string line = lines[i].substr(0, lines[i].find_last_not_of(' ', mark - 1) + 1);
    const size_t indent = IndentOf(line);
    StrAppend(&out, line, "\n", std::string(indent, ' '), std::string(line.size() - indent, '^'), "  ",
              lines[i].substr(mark + 2), "\n");
  }
  return out;
}

std::string RenderScheduleError(const Schedule& schedule, const absl::Status& status, ErrorRenderLevel level) {
  if (level == ErrorRenderLevel::kNone) return "ScheduleError: (not rendered)";
  const std::string_view said = ToStd(status.message());
  const Refusal& refusal = schedule.state().last_refusal();
  // A trace puts the description into the message already.
  const bool refused = absl::IsFailedPrecondition(status) && !refusal.message.empty() &&
                       said.find(refusal.message) != std::string_view::npos;
  const std::string message = said == refusal.message || !refused ? schedule.DescribeError(status) : std::string(said);
  if (!refused) return said.starts_with("instruction ") ? std::string(said) : message;
  if (level == ErrorRenderLevel::kFast) return StrCat("ScheduleError: ", message);
  const std::string program = RenderProgramAround(schedule);
  if (program.empty()) return StrCat("ScheduleError: ", message);
  const std::string_view primitive = schedule.current() != nullptr ? schedule.current()->method : "";
  return StrCat("ScheduleError: the primitive \"", primitive, "\" is refused\n", program, "Error message: ", message);
}

}  // namespace hone::schedule
