#include "client/cli/inspect/command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "client/cli/exit_code.h"
#include "client/cli/file.h"
#include "client/cli/inspect/case_pool.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::cli {
namespace {

struct Arguments {
  std::string file;
  std::string cases;
  std::string trace;
  std::string target;
  std::string kind;
  std::string space;
  std::vector<std::string> plugins;
  std::string emit = "tir";
  std::string dump_after;
  bool postprocs = false;
  bool json = false;
  int64_t jobs = 0;
  bool alone = false;
  InspectHandler handler;
};

std::string AnswerLine(const Arguments& arguments, std::string_view line) {
  InspectCase question;
  if (absl::Status status = ParseCase(line, &question); !status.ok()) {
    return ErrorAnswerJson(question.id_json, ToStd(status.message()));
  }
  question.space = arguments.space;
  question.plugins = arguments.plugins;
  absl::StatusOr<InspectAnswer> answer = arguments.handler(question);
  if (!answer.ok()) return ErrorAnswerJson(question.id_json, ToStd(answer.status().message()));
  return answer->ToJson(question.id_json);
}

std::string DeadLine(std::string_view line, std::string_view reason) {
  InspectCase question;
  (void)ParseCase(line, &question);
  return ErrorAnswerJson(question.id_json, reason);
}

absl::StatusOr<std::vector<std::string>> ReadLines(const std::string& path) {
  HONE_ASSIGN_OR_RETURN(std::string text, ReadInput(path));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

int AnswerFile(const Arguments& arguments) {
  absl::StatusOr<std::vector<std::string>> lines = ReadLines(arguments.cases);
  if (!lines.ok()) return Report(lines.status());
  CasePoolOptions options;
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.processes = arguments.alone ? 1 : arguments.jobs > 0 ? static_cast<int>(arguments.jobs) : cores;
  return Report(AnswerCases(
      *lines, options, [&](std::string_view line) { return AnswerLine(arguments, line); }, DeadLine, stdout));
}

absl::StatusOr<InspectCase> CaseFromFiles(const Arguments& arguments) {
  InspectCase question;
  question.id_json = JsonString(arguments.file);
  HONE_ASSIGN_OR_RETURN(question.module, ReadInput(arguments.file));
  if (!arguments.trace.empty()) {
    HONE_ASSIGN_OR_RETURN(question.trace_json, ReadInput(arguments.trace));
  }
  question.target = arguments.target;
  question.kind = arguments.kind;
  question.space = arguments.space;
  question.plugins = arguments.plugins;
  question.listing = !arguments.json;
  question.emit = arguments.emit;
  question.dump_after = arguments.dump_after;
  question.postprocs = arguments.postprocs;
  return question;
}

int AnswerOne(const Arguments& arguments) {
  if (arguments.file.empty()) return Report(absl::InvalidArgumentError("give a FILE or --cases FILE.jsonl"));
  absl::StatusOr<InspectCase> question = CaseFromFiles(arguments);
  if (!question.ok()) return Report(question.status());
  absl::StatusOr<InspectAnswer> answer = arguments.handler(*question);
  if (!answer.ok() && arguments.json) {
    std::printf("%s\n", ErrorAnswerJson(question->id_json, ToStd(answer.status().message())).c_str());
    return kExitFailed;
  }
  if (!answer.ok()) {
    std::fprintf(stderr, "%s: %s\n", arguments.file.c_str(), std::string(answer.status().message()).c_str());
    return kExitFailed;
  }
  std::printf("%s\n", (arguments.json ? answer->ToJson(question->id_json) : answer->plain()).c_str());
  return kExitOk;
}

}  // namespace

void AddInspectCommand(Flags& inspect, std::string_view what, std::string_view help, InspectHandler handler,
                       bool alone) {
  auto arguments = std::make_shared<Arguments>();
  arguments->handler = std::move(handler);
  arguments->alone = alone;
  Flags flags = inspect.Command(what, help);
  flags.AddPositional("FILE", &arguments->file, "A TVMScript program; \"-\" for standard input", /*required=*/false);
  flags.Add("cases", &arguments->cases, "Answer every line of this JSON Lines file instead of FILE");
  flags.Add("trace", &arguments->trace, "File with a trace to apply: [instructions, decisions], or Python statements");
  flags.Add("target", &arguments->target, "Target string or JSON");
  flags.Add("kind", &arguments->kind, "Which default rules and postprocs: llvm, cuda, cuda-tensorcore, ...");
  flags.Add("space", &arguments->space, "`space` lists this space instead of the kind's default rules");
  flags.Add("plugin", &arguments->plugins, "Plug-in (FILE.so) whose rules and spaces `space` uses; repeatable");
  flags.AddOneOf("emit", &arguments->emit, {"tir", "llvm-ir", "asm", "cuda"}, "What `lower` prints");
  flags.Add("dump-after", &arguments->dump_after, "`lower` prints the program after this pass, or after \"all\"");
  flags.Add("postprocs", &arguments->postprocs, "Apply the kind's postprocs after the trace");
  flags.Add("jobs", &arguments->jobs, "Processes that answer --cases; 0 = one a core");
  flags.Add("json", &arguments->json, "Print the answer as one JSON object");
  flags.Run([arguments] { return arguments->cases.empty() ? AnswerOne(*arguments) : AnswerFile(*arguments); });
}

}  // namespace hone::cli
