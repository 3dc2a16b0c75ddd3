#include "common/schedule/testing/case_file.h"

#include <utility>

#include "common/intrin/intrin.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule::testing {
namespace {

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

size_t IndentOf(std::string_view line) {
  const size_t at = line.find_first_not_of(' ');
  return at == std::string_view::npos ? line.size() : at;
}

std::string Stripped(std::string_view line) {
  line.remove_prefix(IndentOf(line));
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  return std::string(line);
}

absl::Status Mistake(int line, std::string_view what) {
  return absl::InvalidArgumentError(StrCat("line ", line, ": ", what));
}

// Replaces the lines after `-` by those after `+`, group by group.
absl::StatusOr<std::string> Changed(const std::string& program, const std::vector<std::string>& change, int line) {
  std::vector<std::string> lines = Lines(program);
  size_t i = 0;
  while (i < change.size()) {
    std::vector<std::string> before;
    std::vector<std::string> after;
    for (; i < change.size() && change[i][0] == '-'; ++i) before.push_back(Stripped(change[i].substr(1)));
    for (; i < change.size() && change[i][0] == '+'; ++i) after.push_back(change[i].substr(1));
    if (before.empty()) return Mistake(line, "a change starts with a line after '-'");
    size_t found = lines.size();
    for (size_t k = 0; k + before.size() <= lines.size(); ++k) {
      bool all = true;
      for (size_t n = 0; n < before.size(); ++n) all = all && Stripped(lines[k + n]) == before[n];
      if (!all) continue;
      if (found != lines.size()) return Mistake(line, StrCat("several places for: ", before[0]));
      found = k;
    }
    if (found == lines.size()) return Mistake(line, StrCat("no such line: ", before[0]));
    const size_t indent = IndentOf(lines[found]);
    const size_t base = after.empty() ? 0 : IndentOf(after[0]);
    for (std::string& text : after) {
      const size_t more = IndentOf(text) >= base ? IndentOf(text) - base : 0;
      text = std::string(indent + more, ' ') + Stripped(text);
    }
    const auto first = lines.begin() + static_cast<std::ptrdiff_t>(found);
    lines.erase(first, first + static_cast<std::ptrdiff_t>(before.size()));
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(found), after.begin(), after.end());
  }
  std::string out;
  for (const std::string& text : lines) StrAppend(&out, text, "\n");
  return out;
}

class FileParser {
 public:
  explicit FileParser(CasePrograms* programs) : programs_(*programs) {}

  absl::StatusOr<std::vector<HandCase>> Parse(std::string_view text) {
    lines_ = Lines(text);
    while (next_ < lines_.size()) {
      const std::string line = lines_[next_++];
      if (Stripped(line).empty() || line[0] == '#') continue;
      const size_t space = line.find(' ');
      HONE_RETURN_IF_ERROR(Part(line.substr(0, space), space == std::string::npos ? "" : Stripped(line.substr(space))));
    }
    HONE_RETURN_IF_ERROR(Finish());
    return std::move(cases_);
  }

 private:
  int line() const { return static_cast<int>(next_); }

  // The indented lines that follow, without the indentation of the first.
  std::vector<std::string> Block() {
    std::vector<std::string> out;
    size_t base = std::string::npos;
    for (; next_ < lines_.size(); ++next_) {
      const std::string& line = lines_[next_];
      if (Stripped(line).empty()) continue;
      if (line[0] != ' ') break;
      if (base == std::string::npos) base = IndentOf(line);
      out.push_back(line.substr(std::min(base, IndentOf(line))));
    }
    return out;
  }
  std::string BlockText() {
    std::string out;
    for (const std::string& line : Block()) StrAppend(&out, line, "\n");
    return out;
  }

  absl::Status Part(const std::string& word, const std::string& rest) {
    if (word == "program") {
      HONE_RETURN_IF_ERROR(Finish());
      program_ = rest;
      programs_[rest] = {BlockText(), ""};
      return absl::OkStatus();
    }
    if (word == "names") {
      programs_[program_].names = BlockText();
      return absl::OkStatus();
    }
    if (word == "case") {
      HONE_RETURN_IF_ERROR(Finish());
      current_.title = rest;
      current_.line = line();
      return absl::OkStatus();
    }
    if (current_.title.empty()) return Mistake(line(), StrCat("\"", word, "\" before the first case"));
    if (word == "on") {
      if (programs_.count(rest) == 0) return Mistake(line(), StrCat("unknown program ", rest));
      current_.program = programs_[rest].text;
      names_ = programs_[rest].names;
    } else if (word == "do") {
      current_.trace = names_ + BlockText();
    } else if (word == "change") {
      const int at = line();
      HONE_ASSIGN_OR_RETURN(current_.becomes, Changed(current_.program, Block(), at));
    } else if (word == "becomes") {
      current_.becomes = BlockText();
    } else if (word == "same") {
      current_.becomes = current_.program;
    } else if (word == "gives") {
      current_.gives = rest;
    } else if (word == "decides") {
      current_.decides = rest;
    } else if (word == "refused") {
      current_.refused = rest;
    } else {
      return Mistake(line(), StrCat("unknown word \"", word, "\""));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (current_.title.empty()) return absl::OkStatus();
    const bool says = !current_.becomes.empty() || !current_.gives.empty() || !current_.refused.empty();
    if (current_.program.empty() || current_.trace.empty() || !says) {
      return Mistake(current_.line, StrCat("case \"", current_.title, "\" is not complete"));
    }
    cases_.push_back(std::exchange(current_, HandCase()));
    return absl::OkStatus();
  }

  CasePrograms& programs_;
  std::string program_;  // The last one.
  std::string names_;    // Of the current case's program.
  std::vector<std::string> lines_;
  size_t next_ = 0;
  HandCase current_;
  std::vector<HandCase> cases_;
};

absl::StatusOr<ir::IRModule> Program(const std::string& text) {
  return script::ParseModule("@T.prim_func\n" + text, {.file_name = "program"});
}

absl::Status Different(std::string_view what, std::string_view got, std::string_view expected) {
  return absl::FailedPreconditionError(StrCat(what, ":\n", got, "\nexpected:\n", expected));
}

std::string NameOf(const Schedule& s, char kind, Rv rv) {
  if (rv.id < 0) return "infer";
  if (kind == 'v') return StrCat(*s.ValueOf(ExprRv{rv.id}));
  if (kind == 'b') return std::string((*s.Get(BlockRv{rv.id}))->name);
  const LoopRv loop{rv.id};
  if (s.IsInlineMark(loop)) return "inline";
  if (s.IsRootMark(loop)) return "root";
  return std::string((*s.Get(loop))->loop_var.name());
}

std::string Outputs(const Schedule& s) {
  const Instruction& last = s.trace().instructions().back();
  std::string out;
  for (const Rv rv : last.outputs) StrAppend(&out, out.empty() ? "" : ", ", NameOf(s, last.row->output_kind, rv));
  return out.empty() ? "nothing" : out;
}

// The trace without its last instruction, and that one alone.
absl::Status ApplyAll(Schedule& schedule, const Trace& trace, std::string* before_last) {
  Trace head = trace;
  head.Pop();
  HONE_RETURN_IF_ERROR(head.ApplyTo(schedule));
  *before_last = script::PrintModule(schedule.module());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<HandCase>> ParseCases(std::string_view text, CasePrograms* programs) {
  return FileParser(programs).Parse(text);
}

absl::Status RunCase(const HandCase& hand_case) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, Program(hand_case.program));
  ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = FindTensorIntrin;
  HONE_ASSIGN_OR_RETURN(const Trace trace, TraceFromPython(hand_case.trace));
  std::string before_last;
  HONE_ASSIGN_OR_RETURN(Schedule head, Schedule::Create(module, options));
  HONE_RETURN_IF_ERROR(ApplyAll(head, trace, &before_last));
  HONE_ASSIGN_OR_RETURN(Schedule schedule, Schedule::Create(module, options));
  const absl::Status status = trace.ApplyTo(schedule);
  schedule.state().VerifyTree();
  const std::string after = script::PrintModule(schedule.module());
  if (!hand_case.refused.empty()) {
    if (status.ok()) return Different("accepted", after, StrCat("a refusal with: ", hand_case.refused));
    const std::string message(ToStd(status.message()));
    if (message.find(hand_case.refused) == std::string::npos) return Different("refused", message, hand_case.refused);
    return after == before_last ? absl::OkStatus() : Different("the refusal changed the program", after, before_last);
  }
  if (!status.ok()) return Different("refused", ToStd(status.message()), "no refusal");
  if (!hand_case.becomes.empty()) {
    HONE_ASSIGN_OR_RETURN(const ir::IRModule expected, Program(hand_case.becomes));
    const std::string text = script::PrintModule(expected);
    if (text != after) return Different("the program is", after, text);
  }
  if (!hand_case.gives.empty() && Outputs(schedule) != hand_case.gives) {
    return Different("gives", Outputs(schedule), hand_case.gives);
  }
  if (!hand_case.decides.empty()) {
    const std::string decisions = DecisionsToJson(schedule.trace());
    const std::string expected = StrCat("[", schedule.trace().size() - 1, ",", hand_case.decides, "]]");
    if (decisions.size() < expected.size() || decisions.substr(decisions.size() - expected.size()) != expected) {
      return Different("decides", decisions, expected);
    }
  }
  return absl::OkStatus();
}

}  // namespace hone::schedule::testing
