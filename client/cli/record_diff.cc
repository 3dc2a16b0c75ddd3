#include "client/cli/record_diff.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/cli/hex.h"
#include "client/cli/inspect/case.h"
#include "client/cli/inspect/program.h"
#include "client/cli/line_diff.h"
#include "client/cli/report_text.h"
#include "client/cli/table.h"
#include "common/measure/paired.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/cost_model/feature/extract.h"
#include "server/cost_model/feature/feature_names.h"

namespace hone::cli {
namespace {

struct Moments {
  double mean = 0;
  double squared_error = 0;  // Of the mean.
  double degrees = 0;
};

Moments LogMoments(const std::vector<double>& samples) {
  Moments out;
  const double n = static_cast<double>(samples.size());
  for (double s : samples) out.mean += std::log(s) / n;
  double squares = 0;
  for (double s : samples) squares += (std::log(s) - out.mean) * (std::log(s) - out.mean);
  out.degrees = n - 1;
  out.squared_error = squares / (n - 1) / n;
  return out;
}

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

absl::StatusOr<FeatureMatrix> FeaturesOf(const v1::Match& match) {
  InspectCase question;
  question.module = match.workload().script();
  question.trace_json = match.record().trace_json();
  question.target = match.record().target_json();
  HONE_ASSIGN_OR_RETURN(const schedule::Schedule sch, ScheduleProgram(question));
  HONE_ASSIGN_OR_RETURN(const Target target, TargetOf(question));
  return ExtractFeatures(sch.module(), target.HasKey("gpu"));
}

// One a column that moved, the largest moves first; none unless there are as many rows.
std::vector<RecordDifference::Move> MovesOf(const FeatureMatrix& a, const FeatureMatrix& b) {
  std::vector<RecordDifference::Move> moves;
  if (a.rows != b.rows || a.columns != b.columns) return moves;
  for (int r = 0; r < a.rows; ++r) {
    for (int c = 0; c < a.columns; ++c) {
      const float from = a.Row(r)[c];
      const float to = b.Row(r)[c];
      if (std::abs(from - to) <= 1e-3f * std::max(1.0f, std::abs(from))) continue;
      moves.push_back({r, std::string(FeatureName(c)), from, to});
    }
  }
  std::stable_sort(moves.begin(), moves.end(),
                   [](const auto& x, const auto& y) { return std::abs(x.to - x.from) > std::abs(y.to - y.from); });
  return moves;
}

std::string MovesText(const RecordDifference& difference) {
  constexpr size_t kShown = 20;
  if (difference.a_stores != difference.b_stores) {
    return StrCat("features: ", difference.a_stores, " and ", difference.b_stores,
                  " buffer stores, not comparable row by row\n");
  }
  const auto& moves = difference.moves;
  if (moves.empty()) return "features: none moved\n";
  Table table({"store", "feature", "a", "b", "change"});
  for (size_t i = 0; i < std::min(kShown, moves.size()); ++i) {
    const RecordDifference::Move& m = moves[i];
    table.Add({StrCat(m.store), m.feature, Fixed(m.from, 3), Fixed(m.to, 3), Fixed(m.to - m.from, 3)});
  }
  std::string out =
      StrCat("features: ", moves.size(), " moved (log2 of counts, bytes and extents)\n", table.ToString());
  if (moves.size() > kShown) StrAppend(&out, "and ", moves.size() - kShown, " more\n");
  return out;
}

std::vector<double> SamplesOf(const v1::Match& match) {
  const auto& samples = match.record().measurement().samples();
  return {samples.begin(), samples.end()};
}

}  // namespace

TimeComparison CompareTimes(const std::vector<double>& a, const std::vector<double>& b) {
  TimeComparison out;
  out.a_samples = a.size();
  out.b_samples = b.size();
  if (a.empty() || b.empty()) return out;
  const Moments ma = LogMoments(a);
  const Moments mb = LogMoments(b);
  out.ratio = std::exp(mb.mean - ma.mean);
  if (a.size() < 2 || b.size() < 2) return out;
  const double variance = ma.squared_error + mb.squared_error;
  const double degrees =
      variance > 0
          ? variance * variance /
                (ma.squared_error * ma.squared_error / ma.degrees + mb.squared_error * mb.squared_error / mb.degrees)
          : ma.degrees + mb.degrees;
  const double half = std::sqrt(variance) * StudentT975(static_cast<int>(degrees));
  out.interval = true;
  out.low = out.ratio * std::exp(-half);
  out.high = out.ratio * std::exp(half);
  return out;
}

std::string VerdictOf(const TimeComparison& times) {
  if (!times.interval) return "";
  return times.low > 1 ? "a is faster" : times.high < 1 ? "b is faster" : "no difference is shown";
}

std::string TimesText(const TimeComparison& times) {
  if (times.ratio == 0) return "times: one of them has none\n";
  if (!times.interval) {
    return StrCat("times: b takes ", Fixed(times.ratio, 3), " of a's; too few samples for an interval\n");
  }
  return StrCat("times: b takes ", Fixed(times.ratio, 3), " of a's, 95 % interval ", Fixed(times.low, 3), " to ",
                Fixed(times.high, 3), " (", times.a_samples, " and ", times.b_samples, " samples): ", VerdictOf(times),
                "\n");
}

std::string TimeRatio(const std::vector<double>& a, const std::vector<double>& b) {
  return TimesText(CompareTimes(a, b));
}

absl::StatusOr<RecordDifference> CompareRecords(const v1::Match& a, const v1::Match& b) {
  if (a.record().workload_id() != b.record().workload_id()) {
    return absl::InvalidArgumentError(StrCat("record ", ShortHex(a.record().id()), " is of workload ",
                                             ShortHex(a.record().workload_id()), ", record ", ShortHex(b.record().id()),
                                             " of ", ShortHex(b.record().workload_id()), ": expected the same"));
  }
  RecordDifference out;
  *out.records.add_matches() = a;
  *out.records.add_matches() = b;
  out.trace_lines = LineDiff(TraceLines(a.record().trace_json()), TraceLines(b.record().trace_json()));
  HONE_ASSIGN_OR_RETURN(const FeatureMatrix fa, FeaturesOf(a));
  HONE_ASSIGN_OR_RETURN(const FeatureMatrix fb, FeaturesOf(b));
  out.a_stores = fa.rows;
  out.b_stores = fb.rows;
  out.moves = MovesOf(fa, fb);
  if (a.record().device().device_class() == b.record().device().device_class()) {
    out.times = CompareTimes(SamplesOf(a), SamplesOf(b));
  }
  return out;
}

std::string DifferenceText(const RecordDifference& difference) {
  return StrCat(MatchesTable(difference.records), "\n",
                difference.trace_lines.empty() ? "the traces are equal\n" : difference.trace_lines, "\n",
                MovesText(difference), "\n",
                difference.times.has_value() ? TimesText(*difference.times)
                                             : "times: measured on different devices, not comparable\n");
}

std::string DifferenceJson(const RecordDifference& difference) {
  using Json = nlohmann::ordered_json;
  Json lines = Json::array();
  for (std::string_view rest = difference.trace_lines; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    lines.push_back(std::string(line));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  Json features = nullptr;  // Not comparable row by row.
  if (difference.a_stores == difference.b_stores) {
    features = Json::array();
    for (const RecordDifference::Move& m : difference.moves) {
      features.push_back({{"store", m.store}, {"feature", m.feature}, {"a", m.from}, {"b", m.to}});
    }
  }
  Json times = nullptr;  // Of different devices, or without samples.
  if (difference.times.has_value() && difference.times->ratio > 0) {
    const TimeComparison& t = *difference.times;
    times = {{"ratio", t.ratio},
             {"low", t.interval ? Json(t.low) : Json(nullptr)},
             {"high", t.interval ? Json(t.high) : Json(nullptr)},
             {"samples", {t.a_samples, t.b_samples}},
             {"verdict", t.interval ? Json(VerdictOf(t)) : Json(nullptr)}};
  }
  Json json = {{"a", ToHex(difference.records.matches(0).record().id())},
               {"b", ToHex(difference.records.matches(1).record().id())},
               {"trace", std::move(lines)},
               {"buffer_stores", {difference.a_stores, difference.b_stores}},
               {"features", std::move(features)},
               {"times", std::move(times)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hone::cli
