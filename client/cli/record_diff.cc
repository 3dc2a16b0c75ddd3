#include "client/cli/record_diff.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

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

// A row a column that moved, the largest moves first.
std::string FeatureMoves(const FeatureMatrix& a, const FeatureMatrix& b) {
  constexpr size_t kShown = 20;
  if (a.rows != b.rows || a.columns != b.columns) {
    return StrCat("features: ", a.rows, " and ", b.rows, " buffer stores, not comparable row by row\n");
  }
  struct Move {
    int row, column;
    float from, to;
  };
  std::vector<Move> moves;
  for (int r = 0; r < a.rows; ++r) {
    for (int c = 0; c < a.columns; ++c) {
      const float from = a.Row(r)[c];
      const float to = b.Row(r)[c];
      if (std::abs(from - to) > 1e-3f * std::max(1.0f, std::abs(from))) moves.push_back({r, c, from, to});
    }
  }
  if (moves.empty()) return "features: none moved\n";
  std::stable_sort(moves.begin(), moves.end(),
                   [](const Move& x, const Move& y) { return std::abs(x.to - x.from) > std::abs(y.to - y.from); });
  Table table({"store", "feature", "a", "b", "change"});
  for (size_t i = 0; i < std::min(kShown, moves.size()); ++i) {
    const Move& m = moves[i];
    table.Add({StrCat(m.row), FeatureName(m.column), Fixed(m.from, 3), Fixed(m.to, 3), Fixed(m.to - m.from, 3)});
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

std::string TimeRatio(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return "times: one of them has none\n";
  const Moments ma = LogMoments(a);
  const Moments mb = LogMoments(b);
  const double ratio = std::exp(mb.mean - ma.mean);
  if (a.size() < 2 || b.size() < 2) {
    return StrCat("times: b takes ", Fixed(ratio, 3), " of a's; too few samples for an interval\n");
  }
  const double variance = ma.squared_error + mb.squared_error;
  const double degrees =
      variance > 0
          ? variance * variance /
                (ma.squared_error * ma.squared_error / ma.degrees + mb.squared_error * mb.squared_error / mb.degrees)
          : ma.degrees + mb.degrees;
  const double half = std::sqrt(variance) * StudentT975(static_cast<int>(degrees));
  const double low = ratio * std::exp(-half);
  const double high = ratio * std::exp(half);
  const char* verdict = low > 1 ? "a is faster" : high < 1 ? "b is faster" : "no difference is shown";
  return StrCat("times: b takes ", Fixed(ratio, 3), " of a's, 95 % interval ", Fixed(low, 3), " to ", Fixed(high, 3),
                " (", a.size(), " and ", b.size(), " samples): ", verdict, "\n");
}

absl::StatusOr<std::string> RecordDiff(const v1::Match& a, const v1::Match& b) {
  if (a.record().workload_id() != b.record().workload_id()) {
    return absl::InvalidArgumentError(StrCat("record ", ShortHex(a.record().id()), " is of workload ",
                                             ShortHex(a.record().workload_id()), ", record ", ShortHex(b.record().id()),
                                             " of ", ShortHex(b.record().workload_id()), ": expected the same"));
  }
  v1::QueryResponse both;
  *both.add_matches() = a;
  *both.add_matches() = b;
  std::string out = MatchesTable(both);
  const std::string lines = LineDiff(TraceLines(a.record().trace_json()), TraceLines(b.record().trace_json()));
  StrAppend(&out, "\n", lines.empty() ? "the traces are equal\n" : lines);
  HONE_ASSIGN_OR_RETURN(const FeatureMatrix fa, FeaturesOf(a));
  HONE_ASSIGN_OR_RETURN(const FeatureMatrix fb, FeaturesOf(b));
  StrAppend(&out, "\n", FeatureMoves(fa, fb), "\n");
  if (a.record().device().device_class() != b.record().device().device_class()) {
    StrAppend(&out, "times: measured on different devices, not comparable\n");
  } else {
    StrAppend(&out, TimeRatio(SamplesOf(a), SamplesOf(b)));
  }
  return out;
}

}  // namespace hone::cli
