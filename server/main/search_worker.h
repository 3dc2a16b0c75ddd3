// The search worker that a server keeps on its own host: a hone-worker process, started again when it dies, ended with
// the server.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace hone {

// The hone-worker beside this program (or in ../worker, as the build lays it out); empty when there is none.
std::string FindWorkerBinary();

class SearchWorker {
 public:
  // `environment` is added to that of the process ("HONE_TOKEN=...").
  SearchWorker(std::string binary, std::vector<std::string> args, std::vector<std::string> environment);
  ~SearchWorker();  // Ends it: SIGTERM, after 3 s SIGKILL.

 private:
  void Loop();

  const std::string binary_;
  const std::vector<std::string> args_, environment_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> child_{0};
  std::thread thread_;
};

}  // namespace hone
