#include "client/cli/inspect/case_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::cli {
namespace {

bool WriteAll(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= n;
  }
  return true;
}

bool ReadAll(int fd, void* data, size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    ssize_t n = read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= n;
  }
  return true;
}

// A forked process that answers one case at a time: it is sent the index of a line, it sends back size and text.
class Process {
 public:
  ~Process() { Stop(); }

  absl::Status Start(const std::vector<std::string>& lines,
                     const std::function<std::string(std::string_view)>& answer) {
    int ask[2], reply[2];
    if (pipe2(ask, O_CLOEXEC) != 0) return absl::InternalError(StrCat("pipe: ", std::strerror(errno)));
    if (pipe2(reply, O_CLOEXEC) != 0) {
      close(ask[0]);
      close(ask[1]);
      return absl::InternalError(StrCat("pipe: ", std::strerror(errno)));
    }
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ask[1]);
      close(reply[0]);
      Serve(ask[0], reply[1], lines, answer);
      _exit(0);
    }
    close(ask[0]);
    close(reply[1]);
    ask_ = ask[1];
    reply_ = reply[0];
    if (pid_ < 0) {
      Stop();
      return absl::InternalError(StrCat("fork: ", std::strerror(errno)));
    }
    return absl::OkStatus();
  }

  bool running() const { return pid_ > 0; }
  int reply_fd() const { return reply_; }

  void Ask(uint64_t line, absl::Time deadline) {
    line_ = line;
    deadline_ = deadline;
    WriteAll(ask_, &line, sizeof line);  // If the process is gone, reading the reply finds out.
  }
  std::optional<uint64_t> line() const { return line_; }
  absl::Time deadline() const { return deadline_; }

  // The answer; nullopt when the process died.
  std::optional<std::string> Receive() {
    uint64_t size = 0;
    if (!ReadAll(reply_, &size, sizeof size)) return std::nullopt;
    std::string text(size, '\0');
    if (!ReadAll(reply_, text.data(), size)) return std::nullopt;
    line_.reset();
    return text;
  }

  // Ends the process and says how it had ended before, for people.
  std::string Stop() {
    if (ask_ >= 0) close(ask_);
    if (reply_ >= 0) close(reply_);
    ask_ = reply_ = -1;
    line_.reset();
    if (pid_ <= 0) return "";
    kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (WIFSIGNALED(status))
      return StrCat("killed by signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")");
    return StrCat("exit status ", WEXITSTATUS(status));
  }

 private:
  static void Serve(int ask, int reply, const std::vector<std::string>& lines,
                    const std::function<std::string(std::string_view)>& answer) {
    uint64_t line = 0;
    while (ReadAll(ask, &line, sizeof line)) {
      std::string text = answer(lines[line]);
      uint64_t size = text.size();
      if (!WriteAll(reply, &size, sizeof size) || !WriteAll(reply, text.data(), size)) return;
    }
  }

  pid_t pid_ = -1;
  int ask_ = -1;
  int reply_ = -1;
  std::optional<uint64_t> line_;  // Being answered.
  absl::Time deadline_ = absl::InfiniteFuture();
};

// Writes answers in the order of the lines as soon as the next one is there.
class OrderedWriter {
 public:
  explicit OrderedWriter(std::FILE* out) : out_(out) {}
  void Put(uint64_t line, std::string text) {
    waiting_[line] = std::move(text);
    for (auto it = waiting_.begin(); it != waiting_.end() && it->first == next_; it = waiting_.erase(it), ++next_) {
      std::fwrite(it->second.data(), 1, it->second.size(), out_);
      std::fputc('\n', out_);
    }
    std::fflush(out_);
  }
  uint64_t written() const { return next_; }

 private:
  std::FILE* out_;
  uint64_t next_ = 0;
  std::map<uint64_t, std::string> waiting_;
};

// Milliseconds until the first deadline, at least 1; -1 for none.
int PollTimeout(const std::vector<Process>& processes) {
  absl::Time first = absl::InfiniteFuture();
  for (const Process& process : processes) {
    if (process.line().has_value()) first = std::min(first, process.deadline());
  }
  if (first == absl::InfiniteFuture()) return -1;
  return static_cast<int>(std::max<int64_t>(1, absl::ToInt64Milliseconds(first - absl::Now()) + 1));
}

}  // namespace

absl::Status AnswerCases(const std::vector<std::string>& lines, const CasePoolOptions& options,
                         const std::function<std::string(std::string_view)>& answer,
                         const std::function<std::string(std::string_view, std::string_view)>& dead, std::FILE* out) {
  std::fflush(nullptr);  // Nothing buffered may be written twice by the children.
  void (*old_handler)(int) = signal(SIGPIPE, SIG_IGN);
  std::vector<Process> processes(std::max(1, options.processes));
  OrderedWriter writer(out);
  uint64_t next = 0;
  absl::Status status;
  while (status.ok() && writer.written() < lines.size()) {
    for (Process& process : processes) {
      if (process.line().has_value() || next == lines.size()) continue;
      if (!process.running()) status = process.Start(lines, answer);
      if (!status.ok()) break;
      process.Ask(next++, absl::Now() + options.case_timeout);
    }
    if (!status.ok()) break;
    std::vector<pollfd> polled;
    for (const Process& process : processes) {
      polled.push_back({process.line().has_value() ? process.reply_fd() : -1, POLLIN, 0});
    }
    poll(polled.data(), polled.size(), PollTimeout(processes));
    for (size_t i = 0; i < processes.size(); ++i) {
      Process& process = processes[i];
      if (!process.line().has_value()) continue;
      const uint64_t line = *process.line();
      if (polled[i].revents != 0) {
        if (std::optional<std::string> text = process.Receive(); text.has_value()) {
          writer.Put(line, *std::move(text));
        } else {
          writer.Put(line, dead(lines[line], StrCat("the case ended its process: ", process.Stop())));
        }
      } else if (absl::Now() >= process.deadline()) {
        process.Stop();
        writer.Put(line, dead(lines[line], StrCat("no answer within ", absl::FormatDuration(options.case_timeout))));
      }
    }
  }
  processes.clear();
  signal(SIGPIPE, old_handler);
  return status;
}

}  // namespace hone::cli
