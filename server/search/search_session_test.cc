#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "server/search/search_service.h"

namespace hone {
namespace {

constexpr char kMatmul[] = R"(
@T.prim_func
def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, j, k in T.grid(64, 64, 64):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vk, vj])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.float32(0.0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

SearchTaskSpec Spec() {
  SearchTaskSpec spec;
  spec.task_name = "matmul";
  spec.workload_script = kMatmul;
  spec.target_json = R"({"kind":"llvm","keys":["cpu"],"mcpu":"haswell","num-cores":2})";
  spec.strategy_params_json = R"({"population_size": 48, "init_min_unmeasured": 16, "genetic_num_iters": 2})";
  spec.cost_model = "random";
  spec.max_trials = 40;
  spec.trials_per_round = 16;
  spec.seed = 7;
  return spec;
}

// A made-up latency that depends on the candidate only.
SearchResult ResultOf(const SearchCandidate& candidate) {
  SearchResult result;
  uint64_t h = 1469598103934665603u;
  for (unsigned char c : candidate.decisions_json) h = (h ^ c) * 1099511628211u;
  result.median_secs = 1e-6 * static_cast<double>(1 + h % 1000);
  return result;
}

std::vector<std::string> RunAll(const SearchTaskSpec& spec) {
  std::vector<std::string> out;
  auto session = OpenSearchSession(spec);
  EXPECT_OK(session);
  if (!session.ok()) return out;
  std::vector<std::vector<SearchResult>> results;
  for (int round = 0;; ++round) {
    auto next = (*session)->NextRound(round, results);
    EXPECT_OK(next);
    if (!next.ok() || next->candidates.empty()) break;
    results.emplace_back();
    for (const SearchCandidate& candidate : next->candidates) {
      out.push_back(candidate.skeleton_id.Hex() + candidate.decisions_json);
      results.back().push_back(ResultOf(candidate));
    }
  }
  return out;
}

TEST(SearchSessionTest, ProposesDistinctCandidatesUpToTheBudget) {
  std::vector<std::string> candidates = RunAll(Spec());
  EXPECT_LE(candidates.size(), 40u);
  EXPECT_GE(candidates.size(), 30u);
  std::sort(candidates.begin(), candidates.end());
  EXPECT_EQ(std::adjacent_find(candidates.begin(), candidates.end()), candidates.end());
}

TEST(SearchSessionTest, SameSeedSameCandidatesOnAnyNumberOfThreads) {
  SearchTaskSpec spec = Spec();
  const std::vector<std::string> one = RunAll(spec);
  spec.num_threads = 8;
  EXPECT_EQ(RunAll(spec), one);
  spec.seed = 8;
  EXPECT_NE(RunAll(spec), one);
}

// A resume opens a session anew and brings it to its round with the results recorded so far (search_runner.h).
TEST(SearchSessionTest, ResumedAtAnyRoundProposesTheSame) {
  SearchTaskSpec spec = Spec();
  spec.cost_model = "xgb";
  spec.max_trials = 88;
  spec.trials_per_round = 4;
  auto session = OpenSearchSession(spec);
  ASSERT_OK(session);
  std::vector<std::vector<std::string>> rounds;
  std::vector<std::vector<SearchResult>> results;
  const auto texts_of = [](const SearchRound& round) {
    std::vector<std::string> out;
    for (const SearchCandidate& c : round.candidates) out.push_back(c.skeleton_id.Hex() + c.decisions_json);
    return out;
  };
  for (int round = 0; round < 22; ++round) {
    ASSERT_OK_AND_ASSIGN(const SearchRound next, (*session)->NextRound(round, results));
    if (next.candidates.empty()) break;
    rounds.push_back(texts_of(next));
    results.emplace_back();
    for (const SearchCandidate& candidate : next.candidates) results.back().push_back(ResultOf(candidate));
  }
  ASSERT_GE(rounds.size(), 20u);
  CounterRandom random({3});
  for (int point = 0; point < 20; ++point) {
    const int at = static_cast<int>(random.Below(rounds.size()));
    spec.num_threads = point % 2 == 0 ? 1 : 8;
    auto resumed = OpenSearchSession(spec);
    ASSERT_OK(resumed);
    for (int round = 0; round <= at; ++round) {
      const auto known = absl::MakeConstSpan(results).subspan(0, std::max(round - 1, 0));
      ASSERT_OK_AND_ASSIGN(const SearchRound next, (*resumed)->NextRound(round, known));
      ASSERT_EQ(texts_of(next), rounds[round]) << "resumed at round " << at << ", round " << round;
    }
  }
}

TEST(SearchSessionTest, LearnsFromFeaturesWithoutLosingDeterminism) {
  SearchTaskSpec spec = Spec();
  spec.cost_model = "xgb";
  const std::vector<std::string> one = RunAll(spec);
  EXPECT_FALSE(one.empty());
  EXPECT_EQ(RunAll(spec), one);
}

TEST(SearchSessionTest, SkeletonsJoinWithDecisionsToTraces) {
  auto session = OpenSearchSession(Spec());
  ASSERT_OK(session);
  auto round = (*session)->NextRound(0, {});
  ASSERT_OK(round);
  const auto skeletons = (*session)->Skeletons();
  for (const SearchCandidate& candidate : round->candidates) {
    bool known = false;
    for (const auto& [id, json] : skeletons) {
      if (id != candidate.skeleton_id) continue;
      known = true;
      EXPECT_EQ(Sha256(json), id);
      const std::string trace = JoinTraceJson(json, candidate.decisions_json);
      EXPECT_TRUE(trace.starts_with("[[")) << trace;
    }
    EXPECT_TRUE(known);
  }
}

TEST(SearchSessionTest, MlpLearnsWithoutLosingDeterminism) {
  SearchTaskSpec spec = Spec();
  spec.cost_model = "mlp";
  spec.max_trials = 32;
  const std::vector<std::string> one = RunAll(spec);
  EXPECT_FALSE(one.empty());
  spec.num_threads = 4;
  EXPECT_EQ(RunAll(spec), one);
}

TEST(SearchSessionTest, ReplayFuncDrawsDistinctCandidatesByTheSeed) {
  SearchTaskSpec spec = Spec();
  spec.strategy = "replay-func";
  spec.strategy_params_json = "{}";
  spec.cost_model = "none";
  spec.max_trials = 12;
  std::vector<std::string> one = RunAll(spec);
  spec.num_threads = 4;
  EXPECT_EQ(RunAll(spec), one);
  EXPECT_GE(one.size(), 10u);
  std::sort(one.begin(), one.end());
  EXPECT_EQ(std::adjacent_find(one.begin(), one.end()), one.end());
}

TEST(SearchSessionTest, GivenTracesAreProposedOnceAsTheyAre) {
  auto drawn = OpenSearchSession(Spec());
  ASSERT_OK(drawn);
  auto round = (*drawn)->NextRound(0, {});
  ASSERT_OK(round);
  const auto skeletons = (*drawn)->Skeletons();
  std::string traces;
  std::vector<std::string> expected;
  for (size_t i = 0; i < 3; ++i) {
    const SearchCandidate& candidate = round->candidates[i];
    for (const auto& [id, json] : skeletons) {
      if (id == candidate.skeleton_id) expected.push_back(JoinTraceJson(json, candidate.decisions_json));
    }
    std::string quoted;
    for (char c : expected.back()) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    StrAppend(&traces, traces.empty() ? "" : ",", "\"", quoted, "\"");
  }
  SearchTaskSpec spec = Spec();
  spec.strategy = "given-traces";
  spec.strategy_params_json = StrCat("{\"traces\": [", traces, "]}");
  spec.cost_model = "none";
  auto session = OpenSearchSession(spec);
  ASSERT_OK(session);
  auto given = (*session)->NextRound(0, {});
  ASSERT_OK(given);
  ASSERT_EQ(given->candidates.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    for (const auto& [id, json] : (*session)->Skeletons()) {
      if (id != given->candidates[i].skeleton_id) continue;
      EXPECT_EQ(JoinTraceJson(json, given->candidates[i].decisions_json), expected[i]);
    }
  }
  std::vector<std::vector<SearchResult>> results = {{{}, {}, {}}};
  auto after = (*session)->NextRound(1, results);
  ASSERT_OK(after);
  EXPECT_TRUE(after->candidates.empty());
  spec.strategy_params_json = "{}";
  EXPECT_STATUS(OpenSearchSession(spec), absl::StatusCode::kInvalidArgument, "traces");
}

TEST(SearchSessionTest, WhatWasFastBeforeIsProposedFirst) {
  SearchTaskSpec spec = Spec();
  spec.cost_model = "xgb";
  auto earlier = OpenSearchSession(spec);
  ASSERT_OK(earlier);
  ASSERT_OK_AND_ASSIGN(const SearchRound drawn, (*earlier)->NextRound(0, {}));
  std::vector<std::string> traces;
  for (const SearchCandidate& candidate : drawn.candidates) {
    for (const auto& [id, json] : (*earlier)->Skeletons()) {
      if (id == candidate.skeleton_id) traces.push_back(JoinTraceJson(json, candidate.decisions_json));
    }
  }
  ASSERT_GE(traces.size(), 5u);
  spec.seed = 9;
  // Two with times, the first of them again, one of a near workload, and what cannot be read or replayed.
  spec.warm_starts = {
      {traces[4], 1e-3},
      {traces[2], 2e-3},
      {traces[4], 1e-3},
      {traces[3], 0},
      {"nonsense", 1},
      {R"([[["GetBlock",[],["none","main"],["b0"]],["GetLoops",["b0"],[],["l1"]],["Parallel",["l1"],[],[]]],[]])", 1}};
  auto session = OpenSearchSession(spec);
  ASSERT_OK(session);
  ASSERT_OK_AND_ASSIGN(const SearchRound round, (*session)->NextRound(0, {}));
  EXPECT_NE(round.log.find("started from 3 records, 1 of near workloads; passed over 3"), std::string::npos)
      << round.log;
  ASSERT_EQ(round.candidates.size(), static_cast<size_t>(spec.trials_per_round));
  std::vector<std::string> proposed;
  for (const SearchCandidate& candidate : round.candidates) {
    for (const auto& [id, json] : (*session)->Skeletons()) {
      if (id == candidate.skeleton_id) proposed.push_back(JoinTraceJson(json, candidate.decisions_json));
    }
  }
  EXPECT_EQ(proposed[0], traces[4]);
  EXPECT_EQ(proposed[1], traces[2]);
  EXPECT_EQ(proposed[2], traces[3]);
  std::sort(proposed.begin(), proposed.end());
  EXPECT_EQ(std::adjacent_find(proposed.begin(), proposed.end()), proposed.end());
  // A function of what it is given, as ever.
  const std::vector<std::string> one = RunAll(spec);
  spec.num_threads = 4;
  EXPECT_EQ(RunAll(spec), one);
}

TEST(SearchSessionTest, BadInputIsRefusedWithItsReason) {
  SearchTaskSpec spec = Spec();
  spec.workload_script = "@T.prim_func\ndef main(:\n    pass\n";
  EXPECT_STATUS(OpenSearchSession(spec), absl::StatusCode::kInvalidArgument, "matmul:2");
  spec = Spec();
  spec.strategy = "guess";
  EXPECT_STATUS(OpenSearchSession(spec), absl::StatusCode::kInvalidArgument, "evolutionary");
  spec = Spec();
  spec.strategy_params_json = R"({"population": 3})";
  EXPECT_STATUS(OpenSearchSession(spec), absl::StatusCode::kInvalidArgument, "population");
  spec = Spec();
  spec.cost_model = "none";
  EXPECT_STATUS(OpenSearchSession(spec), absl::StatusCode::kInvalidArgument, "cost model");
}

}  // namespace
}  // namespace hone
