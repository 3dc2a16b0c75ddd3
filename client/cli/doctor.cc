#include "client/cli/doctor.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "client/cli/doctor_checks.h"
#include "client/cli/exit_code.h"
#include "client/cli/inspect/case.h"
#include "client/cli/server_flags.h"
#include "client/cpp/tuning_client.h"
#include "common/support/strings.h"
#include "common/target/host.h"

namespace hone::cli {
namespace {

struct Arguments {
  ServerFlags server;
  bool json = false;
};

const char* HealthName(Health health) {
  switch (health) {
    case Health::kGood:
      return "ok";
    case Health::kNote:
      return "note";
    case Health::kBad:
      return "BAD";
  }
  return "?";
}

// The server and its workers, when an address was given.
std::vector<Finding> CheckServer(const ServerFlags& flags) {
  if (flags.server.empty()) return {};
  absl::StatusOr<std::shared_ptr<Connection>> connection = flags.Open();
  if (!connection.ok()) return {{"server", Health::kBad, std::string(connection.status().message())}};
  TuningClient client(*connection);
  absl::StatusOr<v1::ServerInfo> info = client.GetServerInfo();
  if (!info.ok()) return {{"server", Health::kBad, std::string(info.status().message())}};
  std::vector<Finding> findings = {
      {"server", Health::kGood,
       StrCat(flags.server, ", release ", info->revisions().release(), ", ", info->database())}};
  absl::StatusOr<v1::ListWorkersResponse> workers = client.ListWorkers();
  if (!workers.ok()) {
    findings.push_back({"workers", Health::kBad, std::string(workers.status().message())});
  } else {
    findings.push_back({"workers", workers->workers_size() > 0 ? Health::kGood : Health::kNote,
                        StrCat(workers->workers_size(), " connected")});
  }
  return findings;
}

int Examine(const Arguments& arguments) {
  std::vector<Finding> findings = CheckMachine();
  for (Finding& finding : CheckServer(arguments.server)) findings.push_back(std::move(finding));
  const bool bad = std::any_of(findings.begin(), findings.end(),
                               [](const Finding& finding) { return finding.health == Health::kBad; });
  if (arguments.json) {
    std::string text;
    for (const Finding& finding : findings) {
      StrAppend(&text, text.empty() ? "" : ", ", "{\"subject\": ", JsonString(finding.subject),
                ", \"health\": ", JsonString(HealthName(finding.health)), ", \"text\": ", JsonString(finding.text),
                "}");
    }
    std::printf("{\"healthy\": %s, \"target\": %s, \"findings\": [%s]}\n", bad ? "false" : "true",
                DetectHost().ToJson().c_str(), text.c_str());
  } else {
    for (const Finding& finding : findings) {
      std::printf("%-5s %s: %s\n", HealthName(finding.health), finding.subject.c_str(), finding.text.c_str());
    }
  }
  return bad ? kExitFailed : kExitOk;
}

}  // namespace

void AddDoctorCommand(Flags& hone) {
  auto arguments = std::make_shared<Arguments>();
  Flags flags = hone.Command("doctor", "Check this machine, and the server when one is given");
  arguments->server.Declare(flags);
  flags.Add("json", &arguments->json, "Print JSON");
  flags.Run([arguments] { return Examine(*arguments); });
}

}  // namespace hone::cli
