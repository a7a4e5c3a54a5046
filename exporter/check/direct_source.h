#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/judge.h"
#include "client/access_watch.h"
#include "client/metadata_client.h"
#include "metadata/clock_skew.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// What one run asks the metadata service for.
struct Question {
  std::vector<ItemId> scalars;  // in this order, each once
  bool roles = false;           // the role listing and each role's credential document
  bool interfaces = false;      // the interface listing
  bool posture = false;         // one request without a session token
};

// What the verdicts of these checks rest on, and no more. The instance ID is always among it: who
// knows it is the metadata service.
[[nodiscard]] Question QuestionFor(const std::vector<Check>& checks, const Criteria& criteria);

// Asks the metadata service itself, once: one session token (a second one if it refuses the first),
// then each thing once. No retry: the monitoring system has its own. When the service throttles, or
// time is up, or nobody answers twice in a row, nothing more is asked; what was not read is failing
// in the snapshot, with the reason and the stage.
class DirectSource {
 public:
  // `on_ecs`: whether the machine says that it is an ECS instance; nullopt where it says nothing.
  // Nothing is asked for behind `deadline`. The client and the clock outlive this.
  DirectSource(MetadataClient& client, const Clock& clock, std::optional<bool> on_ecs,
               SteadyTime deadline);

  // To be called once.
  [[nodiscard]] Snapshot Ask(const Question& question);

  // What was asked for and what became of it, a line for each request; holds nothing that was
  // answered.
  [[nodiscard]] const std::vector<std::string>& journal() const { return journal_; }

 private:
  [[nodiscard]] bool HaveTimeFor(std::string_view stage);
  [[nodiscard]] bool GetToken();
  void Probe();
  [[nodiscard]] Result<std::optional<Secret>> Fetch(const std::string& path, std::size_t most,
                                                    Instant& sent);
  template <typename Row>
  void Read(Reading& reading, const std::string& path, const Row& row, std::size_t most);
  void Note(std::string_view stage, const Exchange& exchange);
  void GiveUp(std::string_view stage, const Error& error);

  MetadataClient& client_;
  const Clock& clock_;
  SteadyTime deadline_;
  AccessWatch access_;
  ClockSkew clock_skew_;
  Snapshot snapshot_;
  std::vector<std::string> journal_;
  std::optional<Error> given_up_;  // why nothing more is asked
  bool renewed_ = false;           // a second session token was asked for
  bool silent_ = false;            // the newest request was not answered at all
};

}  // namespace aliyun_ecs
