// `hone`: the command line of Hone. Each command declares its arguments and what it does in a file of its own.
#include "client/cli/doctor.h"
#include "client/cli/flags.h"
#include "client/cli/inspect/command.h"
#include "client/cli/inspect/features.h"
#include "client/cli/inspect/lower.h"
#include "client/cli/inspect/measure.h"
#include "client/cli/inspect/parse.h"
#include "client/cli/inspect/replay.h"
#include "client/cli/inspect/shrink.h"
#include "client/cli/inspect/space.h"
#include "client/cli/jobs.h"
#include "client/cli/kernels.h"
#include "client/cli/records.h"
#include "client/cli/tune.h"

namespace {

void AddInspectCommands(hone::cli::Flags& hone) {
  using namespace hone::cli;
  Flags inspect = hone.Command("inspect", "What the compiler makes of a program");
  AddInspectCommand(inspect, "parse", "Print a program from its IR", InspectParse);
  AddInspectCommand(inspect, "replay", "Apply a trace to a program", InspectReplay);
  AddInspectCommand(inspect, "shrink", "Make a program and a trace that go wrong small", InspectShrink);
  AddInspectCommand(inspect, "space", "Print the design spaces of a program", InspectSpace);
  AddInspectCommand(inspect, "features", "Print what a cost model sees of a program", InspectFeatures);
  AddInspectCommand(inspect, "lower", "Print a program on its way to machine code", InspectLower);
  AddInspectCommand(inspect, "measure", "Build, check and time a program on this machine", InspectMeasure,
                    /*alone=*/true);
}

}  // namespace

int main(int argc, char** argv) {
  return hone::cli::ParseAndRun(argc, argv, "hone", "Tunes tensor kernels on a farm of machines.",
                                [](hone::cli::Flags& flags) {
                                  hone::cli::AddTuneCommand(flags);
                                  hone::cli::AddJobsCommand(flags);
                                  hone::cli::AddWorkersCommand(flags);
                                  hone::cli::AddRecordsCommand(flags);
                                  hone::cli::AddKernelsCommand(flags);
                                  AddInspectCommands(flags);
                                  hone::cli::AddDoctorCommand(flags);
                                });
}
