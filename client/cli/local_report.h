// Reports of embedded mode in the form that a server's have, so that one set of tables and JSON shows both.
#pragma once

#include "hone/v1/tuning.pb.h"
#include "server/coordinator/job.h"

namespace hone::cli {

v1::JobReport ReportToProto(const JobReport& report);

}  // namespace hone::cli
