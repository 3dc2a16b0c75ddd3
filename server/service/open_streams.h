// The streams that are open: each one's token is looked at again every few seconds, so that a token that expired, or
// was taken out of the file, loses what it has open too. Thread-safe.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "server/service/gate.h"

namespace hone {

// Closes its stream; any thread may call it, also after the stream has ended.
class ClosableStream {
 public:
  virtual ~ClosableStream() = default;
  virtual void Close(absl::Status status) = 0;
};

class OpenStreams {
 public:
  // `gate` must outlive it. `every`: between two looks.
  OpenStreams(Gate& gate, std::chrono::milliseconds every);
  ~OpenStreams();

  // `authorization`: as it came with the call of `rpc`. The stream is forgotten when it is gone.
  void Add(std::weak_ptr<ClosableStream> stream, std::string rpc, std::string authorization);

 private:
  struct Entry {
    std::weak_ptr<ClosableStream> stream;
    std::string rpc;
    std::string authorization;
  };
  void Loop();
  void Look();

  Gate& gate_;
  const std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Entry> entries_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone
