#include "client/cli/job_best.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/service/fit.h"

namespace hone::cli {
namespace {

bool Asked(const v1::TuningRecord& record, const v1::QueryRequest& request) {
  const v1::Metric metric = request.metric() == v1::METRIC_UNSPECIFIED ? v1::METRIC_SECONDS : request.metric();
  const auto& pools = request.pools();
  const auto& trust = request.trust();
  const bool trusted = trust.empty() ? record.trust() == v1::TRUST_VERIFIED
                                     : std::find(trust.begin(), trust.end(), record.trust()) != trust.end();
  return trusted && !record.measurement().has_failure() && record.measurement().median() > 0 &&
         record.measurement().metric() == metric &&
         (pools.empty() || std::find(pools.begin(), pools.end(), record.ownership().pool()) != pools.end());
}

// The matches of one workload, not more than `limit`; kept in order.
struct Best {
  std::string workload_id;
  std::vector<v1::Match> matches;

  void Add(v1::Match match, size_t limit) {
    const auto before = [](const v1::Match& a, const v1::Match& b) {
      return std::make_tuple(a.fit(), a.record().measurement().median()) <
             std::make_tuple(b.fit(), b.record().measurement().median());
    };
    matches.insert(std::upper_bound(matches.begin(), matches.end(), match, before), std::move(match));
    if (matches.size() > limit) matches.pop_back();
  }
};

}  // namespace

absl::StatusOr<v1::QueryResponse> BestOfJob(RecordSource& source, const std::string& job_id,
                                            const v1::QueryRequest& request) {
  const size_t limit = std::max<size_t>(request.top_k(), 1);
  std::vector<Best> best;
  v1::ListRecordsRequest list;
  list.set_job_id(job_id);
  list.set_limit(1000);
  bool found = false;
  do {
    HONE_ASSIGN_OR_RETURN(v1::ListRecordsResponse page, source.List(list));
    list.set_after(page.cursor());
    for (v1::TuningRecord& record : *page.mutable_records()) {
      found = true;
      if (!Asked(record, request)) continue;
      FitVerdict verdict = FitOf({record.device().device_class(), record.target_json()},
                                 {request.device_class(), request.target_json()});
      if (verdict.fit == v1::FIT_REFUSED && !request.include_refused()) continue;
      auto of = std::find_if(best.begin(), best.end(),
                             [&](const Best& one) { return one.workload_id == record.workload_id(); });
      if (of == best.end()) of = best.insert(of, Best{record.workload_id(), {}});
      v1::Match match;
      match.set_fit(verdict.fit);
      match.set_deciding_field(std::move(verdict.deciding_field));
      *match.mutable_record() = std::move(record);
      of->Add(std::move(match), limit);
    }
  } while (list.after() != 0);
  if (!found) return absl::NotFoundError(StrCat("no record of job ", job_id));
  v1::QueryResponse all;
  for (Best& one : best) {
    HONE_ASSIGN_OR_RETURN(const v1::Workload workload, source.GetWorkload(one.workload_id));
    for (v1::Match& match : one.matches) {
      *match.mutable_workload() = workload;
      *all.add_matches() = std::move(match);
    }
  }
  return all;
}

}  // namespace hone::cli
