// libFuzzer target: any bytes sent to the HTTP port are answered or refused.
#include <httplib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "server/http/http_routes.h"

namespace hone {
namespace {

// A connection whose client sent `input` and then nothing.
class Sent final : public httplib::Stream {
 public:
  explicit Sent(std::string_view input) : input_(input) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t count = std::min(size, input_.size());
    std::memcpy(to, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char*, size_t size) override { return static_cast<ssize_t>(size); }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = "127.0.0.1";
    port = 1;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override { get_remote_ip_and_port(ip, port); }
  socket_t socket() const override { return -1; }

 private:
  std::string_view input_;
};

class Server final : public httplib::Server {
 public:
  Server() {
    ConfigureHttp(*this, [] { return DriverStats(); });
  }
  void Take(std::string_view input) {
    Sent stream(input);
    bool closed = false;
    process_request(stream, /*close_connection=*/true, closed, nullptr);
  }
};

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& server = *new hone::Server;
  server.Take({reinterpret_cast<const char*>(data), size});
  return 0;
}
