// The text at /metrics keeps Prometheus' conventions.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "common/support/status_matchers.h"
#include "server/http/http_routes.h"
#include "server/http/http_server.h"

namespace hone {
namespace {

TEST(MetricsTest, EveryMetricHasHelpTypeAndANameByTheConventions) {
  DriverStats stats;
  stats.commits = 12;
  stats.counts.lost = 3;
  std::istringstream text(MetricsText(stats));
  std::string line, name, type;
  std::set<std::string> seen;
  while (std::getline(text, line)) {
    std::istringstream words(line);
    std::string first, second, third, fourth;
    words >> first >> second >> third >> fourth;
    if (second == "HELP") {
      EXPECT_EQ(third.substr(0, 5), "hone_") << line;
      EXPECT_EQ(line.back(), '.') << line;
      EXPECT_TRUE(seen.insert(third).second) << third << " is there twice";
      name = third;
    } else if (second == "TYPE") {
      EXPECT_EQ(third, name);
      type = fourth;
      bool total = name.size() > 6 && name.compare(name.size() - 6, 6, "_total") == 0;
      EXPECT_EQ(total, type == "counter") << line;
    } else {
      EXPECT_EQ(first, name) << line;
      EXPECT_FALSE(second.empty()) << line;
    }
  }
  EXPECT_TRUE(seen.contains("hone_lost_leases_total"));
  EXPECT_NE(MetricsText(stats).find("\nhone_commits_total 12\n"), std::string::npos);
}

TEST(HttpServerTest, AnAddressThatOthersReachIsRefusedUnlessItIsSaid) {
  EXPECT_OK(HttpServer::CheckAddress("127.0.0.1:9090", /*public_address=*/false));
  EXPECT_STATUS(HttpServer::CheckAddress("0.0.0.0:9090", /*public_address=*/false), absl::StatusCode::kInvalidArgument,
                "neither TLS nor identities");
  EXPECT_OK(HttpServer::CheckAddress("0.0.0.0:9090", /*public_address=*/true));
  EXPECT_STATUS(HttpServer::CheckAddress("9090", /*public_address=*/true), absl::StatusCode::kInvalidArgument,
                "expected host:port");
}

}  // namespace
}  // namespace hone
