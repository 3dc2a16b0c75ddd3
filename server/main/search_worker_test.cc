#include "server/main/search_worker.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hone {
namespace {

// The variables that the worker sees; a pipe with a name tells when it has said so.
std::string EnvironmentOfWorker() {
  const std::string pipe = ::testing::TempDir() + "environment";
  EXPECT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  SearchWorker worker("/bin/sh", {"-c", "env >" + pipe + "; exec sleep 1000"}, {"HONE_TOKEN=of-the-worker"});
  std::ostringstream text;
  text << "\n" << std::ifstream(pipe).rdbuf();
  return text.str();
}

TEST(SearchWorkerTest, TheWorkerLocksWhereRunnersDoAndHasNoneOfTheServersFlags) {
  setenv("HONE_RUNTIME_DIR", "/run/elsewhere", 1);
  setenv("HONE_TOKEN", "of-the-server", 1);
  setenv("HONE_DATABASE", "json:/srv", 1);
  const std::string environment = EnvironmentOfWorker();
  EXPECT_NE(environment.find("\nHONE_RUNTIME_DIR=/run/elsewhere\n"), std::string::npos) << environment;
  EXPECT_NE(environment.find("\nHONE_TOKEN=of-the-worker\n"), std::string::npos) << environment;
  EXPECT_EQ(environment.find("of-the-server"), std::string::npos) << environment;
  EXPECT_EQ(environment.find("HONE_DATABASE"), std::string::npos) << environment;
}

}  // namespace
}  // namespace hone
