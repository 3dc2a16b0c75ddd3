// A tuning job in this process tree.
#pragma once

#include <string>

#include "server/coordinator/job.h"

namespace hone::cli {

struct EmbeddedOptions {
  std::string work_dir;
  bool json = false;
  bool post_optimization = false;
};

// Tunes with the JSON database in the work folder and prints the summary. Ctrl-C stops cleanly and keeps what was
// measured. Returns the exit code.
int TuneEmbedded(JobDefinition job, const EmbeddedOptions& options);

}  // namespace hone::cli
