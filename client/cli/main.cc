// `hone`: the command line of Hone. Each command declares its arguments and what it does in a file of its own.
#include "client/cli/doctor.h"
#include "client/cli/flags.h"
#include "client/cli/jobs.h"
#include "client/cli/records.h"

int main(int argc, char** argv) {
  return hone::cli::ParseAndRun(argc, argv, "hone", "Tunes tensor kernels on a farm of machines.",
                                [](hone::cli::Flags& flags) {
                                  hone::cli::AddJobsCommand(flags);
                                  hone::cli::AddWorkersCommand(flags);
                                  hone::cli::AddRecordsCommand(flags);
                                  hone::cli::AddDoctorCommand(flags);
                                });
}
