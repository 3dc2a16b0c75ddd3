#include "common/schedule/oracle/shrink.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "common/intrin/intrin.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/schedule/oracle/oracle.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

ScheduleOptions Options() {
  ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = FindTensorIntrin;
  return options;
}

// ---- traces

bool Uses(const Value& value, const std::set<int32_t>& gone) {
  if (value.is(Value::Kind::kRv)) return gone.count(value.rv().id) > 0;
  if (!value.is(Value::Kind::kList)) return false;
  return std::any_of(value.list().begin(), value.list().end(), [&](const Value& item) { return Uses(item, gone); });
}

// Without the instructions [first, first + count) and all that use what they put out.
std::string WithoutInstructions(const std::string& json, size_t first, size_t count) {
  const absl::StatusOr<Trace> trace = TraceFromJson(json);
  if (!trace.ok()) return json;
  std::vector<Instruction> kept;
  std::set<int32_t> gone;
  for (size_t i = 0; i < trace->size(); ++i) {
    const Instruction& instruction = trace->instructions()[i];
    const bool drop =
        (i >= first && i < first + count) || std::any_of(instruction.inputs.begin(), instruction.inputs.end(),
                                                         [&](const Value& v) { return Uses(v, gone); });
    if (!drop) {
      kept.push_back(instruction);
      continue;
    }
    for (const Rv rv : instruction.outputs) gone.insert(rv.id);
  }
  const absl::StatusOr<std::string> out = TraceToJson(Trace(std::move(kept), trace->arena()));
  return out.ok() ? *out : json;
}

size_t TraceSize(const std::string& json) {
  const absl::StatusOr<Trace> trace = TraceFromJson(json);
  return trace.ok() ? trace->size() : 0;
}

// ---- lines of a program

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) StrAppend(&out, line, "\n");
  return out;
}

size_t IndentOf(const std::string& line) { return std::min(line.find_first_not_of(' '), line.size()); }

bool StartsWith(const std::string& line, std::string_view word) {
  return std::string_view(line).substr(IndentOf(line), word.size()) == word;
}

bool IsWordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// How often `name` stands in `text` as a word of its own.
int CountWord(const std::string& text, const std::string& name) {
  int count = 0;
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || (!IsWordChar(text[at - 1]) && text[at - 1] != '"');
    const size_t end = at + name.size();
    count += begins && (end == text.size() || (!IsWordChar(text[end]) && text[end] != '"'));
  }
  return count;
}

// The lines with deeper ones below `first` (itself included).
size_t EndOfNest(const std::vector<std::string>& lines, size_t first) {
  size_t end = first + 1;
  while (end < lines.size() && (lines[end].empty() || IndentOf(lines[end]) > IndentOf(lines[first]))) ++end;
  return end;
}

// Whether statements load from or store to a buffer; declared regions do not count.
struct UsesOf {
  UsesOf(const std::vector<std::string>& lines, const std::string& name) {
    for (const std::string& line : lines) {
      if (StartsWith(line, "T.reads(") || StartsWith(line, "T.writes(") || StartsWith(line, name + " = ")) continue;
      const size_t store = line.find("] = ");
      const bool target = StartsWith(line, name + "[") && store != std::string::npos;
      written = written || target;
      read = read || CountWord(target ? line.substr(store) : line, name) > 0;
    }
  }
  bool read = false;
  bool written = false;
};

// Buffers that nobody writes, or nobody reads, any more become parameters; buffers and parameters that nobody uses go.
std::string TidyBuffers(std::vector<std::string> lines) {
  size_t def = 0;
  while (def < lines.size() && !StartsWith(lines[def], "def ")) ++def;
  if (def == lines.size()) return Joined(lines);
  for (size_t i = def + 1; i < lines.size(); ++i) {
    constexpr std::string_view kAlloc = " = T.alloc_buffer(";
    const size_t at = lines[i].find(kAlloc);
    if (at == std::string::npos) continue;
    const std::string name = lines[i].substr(IndentOf(lines[i]), at - IndentOf(lines[i]));
    const UsesOf uses(lines, name);
    if (!uses.read && !uses.written) {
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i--));
    } else if ((!uses.read || !uses.written) && lines[i].find("scope=") == std::string::npos) {
      const std::string arguments = lines[i].substr(at + kAlloc.size());
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i--));
      const size_t open = lines[def].find('(');
      lines[def].insert(open + 1, StrCat(name, ": T.Buffer(", arguments, lines[def][open + 1] == ')' ? "" : ", "));
    }
  }
  // Parameters: "name: T.Buffer(...), "
  const std::string text = Joined(lines);
  std::string& head = lines[def];
  for (size_t at = head.find('(') + 1; at < head.size();) {
    const size_t colon = head.find(": T.Buffer(", at);
    if (colon == std::string::npos) break;
    int depth = 0;
    size_t end = colon + 10;
    do depth += head[end] == '(' ? 1 : head[end] == ')' ? -1 : 0;
    while (++end < head.size() && depth > 0);
    if (head.substr(end, 2) == ", ") end += 2;
    if (CountWord(text, head.substr(at, colon - at)) > 1) {
      at = end;
      continue;
    }
    head.erase(at, end - at);
    if (at > 2 && head[at] == ')' && head.substr(at - 2, 2) == ", ") head.erase(at - 2, 2);
  }
  return Joined(lines);
}

// Each nest of the function's body, each let go; the last ones first. Then single lines that may go.
std::vector<std::string> WithoutNests(const std::string& text) {
  const std::vector<std::string> lines = LinesOf(text);
  std::vector<std::string> out;
  for (size_t i = lines.size(); i-- > 0;) {
    if (!StartsWith(lines[i], "for ") && !StartsWith(lines[i], "with T.block(")) continue;
    std::vector<std::string> fewer = lines;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i),
                fewer.begin() + static_cast<std::ptrdiff_t>(EndOfNest(lines, i)));
    out.push_back(TidyBuffers(std::move(fewer)));
  }
  for (size_t i = lines.size(); i-- > 0;) {
    for (std::string_view word : {"T.where(", "T.func_attr(", "T.block_attr("}) {
      if (!StartsWith(lines[i], word)) continue;
      std::vector<std::string> fewer = lines;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      out.push_back(Joined(fewer));
    }
  }
  std::vector<std::string> fewer;
  for (const std::string& line : lines) {
    if (!StartsWith(line, "T.reads(") && !StartsWith(line, "T.writes(")) fewer.push_back(line);
  }
  out.push_back(Joined(fewer));
  return out;
}

// Every number of the text, each with all its uses replaced by a smaller one.
std::vector<std::string> WithSmallerNumbers(const std::string& text) {
  struct Place {
    size_t at;
    size_t size;
    int64_t value;
  };
  std::vector<Place> places;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    quoted = quoted != (text[i] == '"');
    const bool begins = std::isdigit(static_cast<unsigned char>(text[i])) != 0 &&
                        (i == 0 || (!IsWordChar(text[i - 1]) && text[i - 1] != '.'));
    if (!begins || quoted) continue;
    size_t end = i;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
    if (end - i < 10 && text.substr(end, 1) != ".") places.push_back({i, end - i, std::stoll(text.substr(i, end - i))});
    i = end - 1;
  }
  std::set<int64_t> values;
  for (const Place& place : places) values.insert(place.value);
  std::vector<std::string> out;
  for (auto it = values.rbegin(); it != values.rend(); ++it) {
    for (const int64_t smaller : {int64_t{1}, int64_t{2}, *it / 2, *it - 1}) {
      if (smaller < 1 || smaller >= *it) continue;
      std::string changed;
      size_t from = 0;
      for (const Place& place : places) {
        if (place.value != *it) continue;
        StrAppend(&changed, text.substr(from, place.at - from), smaller);
        from = place.at + place.size;
      }
      out.push_back(changed + text.substr(from));
    }
  }
  return out;
}

// ---- expressions

// Replaces the `target`-th expression of the stored values by one of its parts, or by a literal.
class Simplifier final : public ir::StmtExprMutator {
 public:
  Simplifier(int target, int way) : target_(target), way_(way) {}
  bool reached() const { return reached_; }
  bool changed() const { return changed_; }

  ir::Expr MutateExpr(ir::Expr e) override {
    if (!e || !in_value_) return StmtExprMutator::MutateExpr(e);
    if (count_++ != target_) return StmtExprMutator::MutateExpr(e);
    reached_ = true;
    const ir::Expr part = Part(e);
    changed_ = changed_ || (part && part != e);
    return part ? part : e;
  }

 private:
  using StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    in_value_ = true;
    const ir::Expr value = MutateExpr(node->value);
    in_value_ = false;
    if (value == node->value) return node;
    return ir::MakeBufferStore(node->buffer, value, node->indices, node->predicate);
  }
  // Indices are parts of their own only through the numbers in them.
  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const bool before = std::exchange(in_value_, false);
    const ir::Expr out = StmtExprMutator::Mutate(node);
    in_value_ = before;
    return out;
  }

  ir::Expr Part(ir::Expr e) const {
    std::vector<ir::Expr> parts;
    if (const auto* binary = e.as<ir::BinaryNode>()) parts = {binary->a, binary->b};
    if (const auto* select = e.as<ir::SelectNode>()) parts = {select->true_value, select->false_value};
    if (const auto* cast = e.as<ir::CastNode>()) parts = {cast->value};
    if (const auto* call = e.as<ir::CallNode>()) parts = call->args.ToVector();
    const bool literal = e.as<ir::IntImmNode>() != nullptr || e.as<ir::FloatImmNode>() != nullptr;
    if (!literal && e.dtype().lanes == 1 && !e.dtype().is_handle() && !e.dtype().is_bool()) {
      parts.push_back(ir::Const(e.dtype(), 1));
    }
    const auto way = static_cast<size_t>(way_);
    if (way >= parts.size() || !(parts[way].dtype() == e.dtype())) return {};
    return parts[way];
  }

  const int target_;
  const int way_;
  int count_ = 0;
  bool in_value_ = false;
  bool reached_ = false;
  bool changed_ = false;
};

std::vector<std::string> WithSimplerValues(const std::string& text) {
  std::vector<std::string> out;
  const absl::StatusOr<ir::IRModule> module = script::ParseModule(text);
  const ir::PrimFunc function =
      module.ok() && module->Entry() != nullptr ? module->FindPrimFunc(module->Entry()->var->name) : nullptr;
  if (function == nullptr) return out;
  for (int target = 0; target < 200; ++target) {
    bool reached = false;
    for (int way = 0; way < 4; ++way) {
      auto arena = std::make_shared<ir::Arena>();
      arena->KeepAlive(module->arena());
      const ir::ArenaScope scope(arena);
      Simplifier simplifier(target, way);
      auto* copy = ir::CopyNode(function);
      copy->body = simplifier.MutateStmt(function->body);
      reached = reached || simplifier.reached();
      if (!simplifier.changed()) continue;
      const ir::IRModule changed(arena, ir::WithFunction(module->get(), module->Entry()->var->name, copy));
      out.push_back(TidyBuffers(LinesOf(script::PrintModule(changed))));
    }
    if (!reached) break;
  }
  return out;
}

// ---- the search

class Shrinker {
 public:
  Shrinker(FailingCase failing, const CaseCheck& check, const ShrinkOptions& options)
      : best_(std::move(failing)), check_(check), checks_left_(options.max_checks), wrong_(check(best_)) {}

  FailingCase Run() {
    if (wrong_.empty()) return best_;
    for (bool better = true; better && checks_left_ > 0;) {
      better = DropInstructions();
      better = TryAll(WithoutNests) || better;
      better = TryAll(WithSmallerNumbers) || better;
      better = TryAll(WithSimplerValues) || better;
    }
    return best_;
  }

 private:
  bool Try(FailingCase candidate) {
    if (candidate.module == best_.module && candidate.trace == best_.trace) return false;
    if (checks_left_-- <= 0 || check_(candidate) != wrong_) return false;
    best_ = std::move(candidate);
    return true;
  }

  bool DropInstructions() {
    bool better = false;
    for (size_t count = std::max<size_t>(1, TraceSize(best_.trace) / 2); count > 0; count /= 2) {
      for (size_t end = TraceSize(best_.trace); end > 0; end = std::min(end - 1, TraceSize(best_.trace))) {
        const size_t first = end > count ? end - count : 0;
        better = Try({best_.module, WithoutInstructions(best_.trace, first, end - first)}) || better;
      }
    }
    return better;
  }

  // Candidates of the program; after one that fails alike, those of the new program.
  template <typename F>
  bool TryAll(const F& candidates_of) {
    bool better = false;
    for (bool again = true; again && checks_left_ > 0;) {
      again = false;
      for (std::string& candidate : candidates_of(best_.module)) {
        if (!Try({std::move(candidate), best_.trace})) continue;
        better = again = true;
        break;
      }
    }
    return better;
  }

  FailingCase best_;
  const CaseCheck& check_;
  int checks_left_;
  const std::string wrong_;
};

std::string RunChild(const FailingCase& failing, uint64_t seed, int out) {
  alarm(10);
  const std::string wrong = WhatIsWrong(failing, seed);
  if (write(out, wrong.data(), wrong.size()) < 0) _exit(2);
  _exit(0);
}

}  // namespace

FailingCase Shrink(const FailingCase& failing, const CaseCheck& check, const ShrinkOptions& options) {
  return Shrinker(failing, check, options).Run();
}

std::string WhatIsWrong(const FailingCase& failing, uint64_t seed) {
  const absl::StatusOr<ir::IRModule> module = script::ParseModule(failing.module, {.check_well_formed = true});
  if (!module.ok()) return {};
  const absl::StatusOr<Trace> trace = TraceFromJson(failing.trace);
  absl::StatusOr<Schedule> schedule = Schedule::Create(*module, Options());
  if (!trace.ok() || !schedule.ok() || !trace->ApplyTo(*schedule).ok()) return {};
  schedule->state().VerifyTree();
  if (!CheckTrace(*module, *schedule).ok()) return "other trace";
  // What fails by itself is no case.
  absl::StatusOr<Schedule> untouched = Schedule::Create(*module, Options());
  if (!untouched.ok() || !CheckResults(*module, *untouched, seed).ok()) return {};
  const absl::Status same = CheckResults(*module, *schedule, seed);
  if (same.ok()) return {};
  return same.code() == absl::StatusCode::kOutOfRange ? "out of bounds" : "wrong result";
}

CaseCheck WhatIsWrongInChild(uint64_t seed) {
  return [seed](const FailingCase& failing) -> std::string {
    int ends[2];
    if (pipe(ends) != 0) return {};
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      // The report of a failed check is of no interest.
      if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
      RunChild(failing, seed, ends[1]);
    }
    close(ends[1]);
    std::string wrong;
    char buffer[64];
    for (ssize_t size; child > 0 && (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
      wrong.append(buffer, static_cast<size_t>(size));
    }
    close(ends[0]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return {};
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? "hang" : "crash";
    return wrong;
  };
}

std::string DescribeCase(const FailingCase& failing) {
  std::string out = failing.module;
  StrAppend(&out, "\n\n");
  const absl::StatusOr<Trace> trace = TraceFromJson(failing.trace);
  if (!trace.ok()) return out + failing.trace;
  for (const std::string& line : trace->AsPython()) StrAppend(&out, line, "\n");
  const absl::StatusOr<ir::IRModule> module = script::ParseModule(failing.module);
  if (!module.ok()) return out;
  absl::StatusOr<Schedule> schedule = Schedule::Create(*module, Options());
  if (!schedule.ok() || !trace->ApplyTo(*schedule).ok()) return out;
  return StrCat(out, "\n", script::PrintModule(schedule->module()), "\n");
}

std::string ShrunkFailure(const ir::IRModule& before, const Schedule& schedule, uint64_t seed) {
  const absl::StatusOr<std::string> json = TraceToJson(schedule.trace());
  if (!json.ok()) return Describe(before, schedule);
  const FailingCase failing{script::PrintModule(before), *json};
  const CaseCheck check = WhatIsWrongInChild(seed);
  const std::string wrong = check(failing);
  if (wrong.empty()) return StrCat("does not fail again from its text:\n", Describe(before, schedule));
  return StrCat("shrunk (", wrong, "):\n", DescribeCase(Shrink(failing, check)));
}

}  // namespace hone::schedule
