#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "base/rarely.h"
#include "metadata/snapshot.h"
#include "poll/request_budget.h"

namespace aliyun_ecs {

// What is to outlive the process: what was spent of the request budget, the notice, and what was
// last read, so that after a restart under throttling the page still says who the instance is.
// Never a secret: a Value cannot hold one, and session tokens are not part of it.
struct SavedState {
  RequestBudget::Saved budget;
  SpotHistory spot;
  std::map<std::string, RoleHistory> roles;
  std::array<std::optional<Answer>, kDirectories.size()> listings;
  std::map<ItemInstance, Answer> answers;
};

// The file of --state.file: JSON, versioned, written atomically, readable by its owner only. It
// belongs to one boot of one machine: with another boot ID (the file was baked into an image, or
// the machine was started anew) it is ignored, as is one that is damaged, too large or of another
// version; the log then has one line. The instance ID that it holds is checked by the poller, as
// soon as the service tells the real one.
//
// Not thread-safe.
class StateFile {
 public:
  // `boot_id`: of this boot; where the machine tells none, nothing is loaded.
  StateFile(std::string path, std::string boot_id)
      : path_(std::move(path)), boot_id_(std::move(boot_id)) {}

  // What a process before this one left; nullopt where there is nothing that can be used. `now`:
  // times that are yet to come show that the file is damaged.
  [[nodiscard]] std::optional<SavedState> Load(Instant now);

  // Writes the state; true when that is done. A failure is logged, at most every ten minutes, and
  // is no reason to stop: what is lost is only the promise about restarts.
  bool Save(const SavedState& state, SteadyTime now);

 private:
  std::string path_;
  std::string boot_id_;
  Rarely rarely_{std::chrono::minutes(10)};
};

// The content of the file, for StateFile and for tests of it. Load fails with one sentence.
[[nodiscard]] std::string SavedStateToJson(const SavedState& state, const std::string& boot_id);
[[nodiscard]] Result<SavedState> SavedStateFromJson(std::string_view text,
                                                    const std::string& boot_id, Instant now);

}  // namespace aliyun_ecs
