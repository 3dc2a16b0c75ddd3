#include "common/record/record_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// False when `json` is no integer or one that T does not hold: the library would convert it all the same.
template <typename T>
bool ReadInteger(const Json& json, T& value) {
  if (json.is_number_unsigned()) {
    const auto number = json.get<uint64_t>();
    value = static_cast<T>(number);
    return number <= static_cast<uint64_t>(std::numeric_limits<T>::max());
  }
  if (!json.is_number_integer()) return false;
  const auto number = json.get<int64_t>();  // Negative.
  value = static_cast<T>(number);
  return std::is_signed_v<T> && number >= static_cast<int64_t>(std::numeric_limits<T>::min());
}

// Collects the first error while members are read, so that readers need no check after each.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  template <typename T>
  void Get(const char* name, T& value) {
    auto it = object_.find(name);
    if (it == object_.end() || it->is_null()) return;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      if (!ReadInteger(*it, value)) Fail(name, "is not an integer of its range");
    } else {
      try {
        value = it->template get<T>();
      } catch (const Json::exception&) {
        Fail(name, "has the wrong type");
      }
    }
  }
  void Get(const char* name, std::vector<int64_t>& values) {
    auto it = object_.find(name);
    if (it == object_.end() || it->is_null()) return;
    std::vector<int64_t> read(it->size());
    bool fits = it->is_array();
    for (size_t i = 0; fits && i < read.size(); ++i) fits = ReadInteger((*it)[i], read[i]);
    if (!fits) return Fail(name, "is not a list of integers");
    values = std::move(read);
  }
  void Get(const char* name, Digest& digest) {
    std::string hex;
    Get(name, hex);
    if (!hex.empty() && !Digest::FromHex(hex, digest)) Fail(name, "is not 64 hexadecimal digits");
  }
  void Get(const char* name, absl::Duration& duration) {
    double secs = absl::ToDoubleSeconds(duration);
    Get(name, secs);
    duration = absl::Seconds(secs);
  }
  // A member that is an object or array; null where there is none.
  const Json* Find(const char* name) const {
    auto it = object_.find(name);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }
  void Fail(const char* name, std::string_view what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(StrCat("member \"", name, "\" ", what));
  }
  void Adopt(const absl::Status& status) {
    if (status_.ok()) status_ = status;
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json& object_;
  absl::Status status_;
};

absl::StatusOr<Json> ParseObject(std::string_view text) {
  HONE_RETURN_IF_ERROR(SkipJsonValue(text, 0).status());  // Limits the nesting before a tree is built.
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("not a JSON object");
  return json;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void PutIfSet(Json& json, const char* name, const Digest& digest) {
  if (digest != Digest{}) json[name] = digest.Hex();
}
void PutIfSet(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

Json ArgsToJson(const std::vector<TensorInfo>& args) {
  Json json = Json::array();
  for (const TensorInfo& arg : args) json.push_back({{"dtype", arg.dtype}, {"shape", arg.shape}});
  return json;
}

std::vector<TensorInfo> ArgsFromJson(const Json& json, Reader& reader) {
  std::vector<TensorInfo> args;
  if (!json.is_array()) reader.Fail("args", "is not a list");
  for (const Json& item : json) {
    if (!item.is_object()) {
      reader.Fail("args", "has an element that is not an object");
      continue;
    }
    Reader fields(item);
    TensorInfo& arg = args.emplace_back();
    fields.Get("dtype", arg.dtype);
    fields.Get("shape", arg.shape);
    reader.Adopt(fields.status());
  }
  return args;
}

Json PolicyJson(const MeasurementPolicy& p) {
  return {{"warm_up", p.warm_up},
          {"number", p.number},
          {"repeat", p.repeat},
          {"max_repeat", p.max_repeat},
          {"min_repeat", absl::ToDoubleSeconds(p.min_repeat)},
          {"budget_loser", absl::ToDoubleSeconds(p.budget_loser)},
          {"budget_contender", absl::ToDoubleSeconds(p.budget_contender)},
          {"timeout", absl::ToDoubleSeconds(p.timeout)},
          {"flush_cache", p.flush_cache},
          {"pin", p.pin},
          {"abandon_ratio", p.abandon_ratio},
          {"contender_ratio", p.contender_ratio},
          {"check_result", p.check_result},
          {"memory_bytes", p.memory_bytes},
          {"input_seed", p.input_seed},
          {"use_spare_time", p.use_spare_time}};
}

MeasurementPolicy PolicyOf(const Json& json, Reader& outer) {
  MeasurementPolicy p;
  Reader r(json);
  r.Get("warm_up", p.warm_up);
  r.Get("number", p.number);
  r.Get("repeat", p.repeat);
  r.Get("max_repeat", p.max_repeat);
  r.Get("min_repeat", p.min_repeat);
  r.Get("budget_loser", p.budget_loser);
  r.Get("budget_contender", p.budget_contender);
  r.Get("timeout", p.timeout);
  r.Get("flush_cache", p.flush_cache);
  r.Get("pin", p.pin);
  r.Get("abandon_ratio", p.abandon_ratio);
  r.Get("contender_ratio", p.contender_ratio);
  r.Get("check_result", p.check_result);
  r.Get("memory_bytes", p.memory_bytes);
  r.Get("input_seed", p.input_seed);
  r.Get("use_spare_time", p.use_spare_time);
  outer.Adopt(r.status());
  return p;
}

Json RunToJson(const RunResult& run) {
  Json json;
  if (run.failure) {
    json["failure"] = {{"kind", FailureKindName(run.failure->kind)}, {"message", run.failure->message}};
  }
  json["metric"] = run.metric == Metric::kSeconds ? "seconds" : "instructions";
  json["median"] = run.median;
  json["spread"] = run.spread;
  json["samples"] = run.samples;
  json["number"] = run.number;
  json["abandoned"] = run.abandoned;
  json["verdict"] = run.verdict == Verdict::kRight ? "right" : run.verdict == Verdict::kWrong ? "wrong" : "not-checked";
  json["errors"] = {
      {"max_abs", run.errors.max_abs}, {"max_rel", run.errors.max_rel}, {"tolerance", run.errors.tolerance}};
  const Disturbance& d = run.disturbance;
  json["disturbance"] = {{"steal_fraction", d.steal_fraction},
                         {"involuntary_switches", d.involuntary_switches},
                         {"migrations", d.migrations},
                         {"foreign_load", d.foreign_load},
                         {"probe_ghz_before", d.probe_ghz_before},
                         {"probe_ghz_after", d.probe_ghz_after},
                         {"disturbed", d.disturbed}};
  PutIfSet(json, "sandbox_layers", run.sandbox_layers);
  json["run_time"] = absl::ToDoubleSeconds(run.run_time);
  return json;
}

void FailureOf(const Json& json, RunResult& run, Reader& outer) {
  std::string kind, message;
  Reader r(json);
  r.Get("kind", kind);
  r.Get("message", message);
  outer.Adopt(r.status());
  std::optional<FailureKind> known = FailureKindFromName(kind);
  if (!known) outer.Fail("failure", "has an unknown kind");
  run.failure = Failure{known.value_or(FailureKind::kRun), message};
}

RunResult RunOf(const Json& json, Reader& outer) {
  RunResult run;
  Reader r(json);
  if (const Json* failure = r.Find("failure")) FailureOf(*failure, run, r);
  std::string metric = "seconds", verdict;
  r.Get("metric", metric);
  run.metric = metric == "seconds" ? Metric::kSeconds : Metric::kInstructions;
  r.Get("median", run.median);
  r.Get("spread", run.spread);
  r.Get("samples", run.samples);
  r.Get("number", run.number);
  r.Get("abandoned", run.abandoned);
  r.Get("verdict", verdict);
  run.verdict = verdict == "right" ? Verdict::kRight : verdict == "wrong" ? Verdict::kWrong : Verdict::kNotChecked;
  if (const Json* errors = r.Find("errors")) {
    Reader e(*errors);
    e.Get("max_abs", run.errors.max_abs);
    e.Get("max_rel", run.errors.max_rel);
    e.Get("tolerance", run.errors.tolerance);
    r.Adopt(e.status());
  }
  if (const Json* disturbance = r.Find("disturbance")) {
    Reader d(*disturbance);
    d.Get("steal_fraction", run.disturbance.steal_fraction);
    d.Get("involuntary_switches", run.disturbance.involuntary_switches);
    d.Get("migrations", run.disturbance.migrations);
    d.Get("foreign_load", run.disturbance.foreign_load);
    d.Get("probe_ghz_before", run.disturbance.probe_ghz_before);
    d.Get("probe_ghz_after", run.disturbance.probe_ghz_after);
    d.Get("disturbed", run.disturbance.disturbed);
    r.Adopt(d.status());
  }
  r.Get("sandbox_layers", run.sandbox_layers);
  r.Get("run_time", run.run_time);
  outer.Adopt(r.status());
  return run;
}

void PutFileRunSecs(const TuningRecord& record, Json& json) {
  if (!record.file_run_secs) return;
  json["imported"] = true;
  if (!*record.file_run_secs) return;
  Json list = Json::array();
  for (double secs : **record.file_run_secs) list.push_back(TvmJsonNumber(secs));  // As text: JSON has no inf.
  json["file_run_secs"] = std::move(list);
}

void ReadFileRunSecs(Reader& r, TuningRecord& record) {
  bool imported = false;
  r.Get("imported", imported);
  if (!imported) return;
  record.file_run_secs.emplace(std::nullopt);
  const Json* list = r.Find("file_run_secs");
  if (list == nullptr) return;
  std::vector<std::string> texts;
  r.Get("file_run_secs", texts);
  std::vector<double> values;
  for (const std::string& text : texts) {
    absl::StatusOr<double> value = ParseJsonNumber(text);
    r.Adopt(value.status());
    if (value.ok()) values.push_back(*value);
  }
  *record.file_run_secs = std::move(values);
}

void PutOrigin(const TuningRecord& record, Json& json) {
  json["trust"] = TrustName(record.trust);
  if (!record.slot.job_id.empty()) {
    json["slot"] = {{"job", record.slot.job_id},
                    {"task", record.slot.task},
                    {"round", record.slot.round},
                    {"slot", record.slot.slot}};
    json["lease"] = {
        {"lease", record.lease.lease}, {"attempt", record.lease.attempt}, {"leader_epoch", record.lease.leader_epoch}};
  }
  json["device"] = {{"class", record.device.device_class}, {"json", record.device.json}};
  json["revisions"] = {{"protocol", record.revisions.protocol},
                       {"trace_semantics", record.revisions.trace_semantics},
                       {"codegen", record.revisions.codegen},
                       {"release", record.revisions.release}};
  PutIfSet(json, "worker", record.worker);
  PutIfSet(json, "tenant", record.tenant);
  PutIfSet(json, "pool", record.pool);
  PutIfSet(json, "created_by", record.created_by);
  json["created"] = absl::ToDoubleSeconds(record.created - absl::UnixEpoch());
}

void ReadOrigin(Reader& r, TuningRecord& record) {
  std::string trust = "imported";
  r.Get("trust", trust);
  std::optional<Trust> known = TrustFromName(trust);
  if (!known) r.Fail("trust", "is not verified, imported or failed");
  record.trust = known.value_or(Trust::kImported);
  if (const Json* slot = r.Find("slot")) {
    Reader s(*slot);
    s.Get("job", record.slot.job_id);
    s.Get("task", record.slot.task);
    s.Get("round", record.slot.round);
    s.Get("slot", record.slot.slot);
    r.Adopt(s.status());
  }
  if (const Json* lease = r.Find("lease")) {
    Reader l(*lease);
    l.Get("lease", record.lease.lease);
    l.Get("attempt", record.lease.attempt);
    l.Get("leader_epoch", record.lease.leader_epoch);
    r.Adopt(l.status());
  }
  if (const Json* device = r.Find("device")) {
    Reader d(*device);
    d.Get("class", record.device.device_class);
    d.Get("json", record.device.json);
    r.Adopt(d.status());
  }
  if (const Json* revisions = r.Find("revisions")) {
    Reader v(*revisions);
    v.Get("protocol", record.revisions.protocol);
    v.Get("trace_semantics", record.revisions.trace_semantics);
    v.Get("codegen", record.revisions.codegen);
    v.Get("release", record.revisions.release);
    r.Adopt(v.status());
  }
  r.Get("worker", record.worker);
  r.Get("tenant", record.tenant);
  r.Get("pool", record.pool);
  r.Get("created_by", record.created_by);
  absl::Duration since_epoch = absl::ZeroDuration();
  r.Get("created", since_epoch);
  record.created = absl::UnixEpoch() + since_epoch;
}

}  // namespace

std::string WorkloadToJson(const Workload& workload) {
  Json json = {{"id", workload.id.Hex()}};
  for (int i = 0; i < 3; ++i) {
    auto equality = static_cast<ModuleEquality>(i);
    json["keys"][std::string(ModuleEqualityName(equality))] = workload.key(equality).Hex();
  }
  PutIfSet(json, "name", workload.name);
  if (workload.flops > 0) json["flops"] = workload.flops;
  json["script"] = workload.script;
  return Dump(json);
}

absl::StatusOr<Workload> WorkloadFromJson(std::string_view text) {
  HONE_ASSIGN_OR_RETURN(Json json, ParseObject(text));
  Workload workload;
  Reader r(json);
  r.Get("script", workload.script);
  workload.id = WorkloadId(workload.script);
  workload.keys = {workload.id, workload.id, workload.id};
  r.Get("name", workload.name);
  r.Get("flops", workload.flops);
  if (const Json* keys = r.Find("keys")) {
    Reader k(*keys);
    for (int i = 0; i < 3; ++i) {
      k.Get(std::string(ModuleEqualityName(static_cast<ModuleEquality>(i))).c_str(), workload.keys[i]);
    }
    r.Adopt(k.status());
  }
  HONE_RETURN_IF_ERROR(r.status());
  return workload;
}

std::string RecordToJson(const TuningRecord& record) {
  Json json = {{"id", record.id.Hex()}, {"workload", record.workload_id.Hex()}};
  PutOrigin(record, json);
  json["run"] = RunToJson(record.run);
  PutFileRunSecs(record, json);
  json["build_time"] = absl::ToDoubleSeconds(record.build_time);
  PutIfSet(json, "artifact_key", record.artifact_key);
  if (record.policy) json["policy"] = PolicyJson(*record.policy);
  if (record.args_info) json["args"] = ArgsToJson(*record.args_info);
  PutIfSet(json, "target", record.target_json);
  json["trace"] = record.trace_json;
  return Dump(json);
}

absl::StatusOr<TuningRecord> RecordFromJson(std::string_view text) {
  HONE_ASSIGN_OR_RETURN(Json json, ParseObject(text));
  TuningRecord record;
  Reader r(json);
  r.Get("id", record.id);
  r.Get("workload", record.workload_id);
  r.Get("trace", record.trace_json);
  r.Get("target", record.target_json);
  r.Get("artifact_key", record.artifact_key);
  r.Get("build_time", record.build_time);
  ReadOrigin(r, record);
  ReadFileRunSecs(r, record);
  if (const Json* run = r.Find("run")) record.run = RunOf(*run, r);
  if (const Json* policy = r.Find("policy")) record.policy = PolicyOf(*policy, r);
  if (const Json* args = r.Find("args")) record.args_info = ArgsFromJson(*args, r);
  HONE_RETURN_IF_ERROR(r.status());
  return record;
}

std::string PolicyToJson(const MeasurementPolicy& policy) { return Dump(PolicyJson(policy)); }

absl::StatusOr<MeasurementPolicy> PolicyFromJson(std::string_view text) {
  HONE_ASSIGN_OR_RETURN(Json json, ParseObject(text));
  Reader r(json);
  MeasurementPolicy policy = PolicyOf(json, r);
  HONE_RETURN_IF_ERROR(r.status());
  return policy;
}

}  // namespace hone
