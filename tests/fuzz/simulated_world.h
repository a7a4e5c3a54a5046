#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/control.h"
#include "simulator/service.h"
#include "support/fake_clock.h"

namespace aliyun_ecs::fuzz {

enum class Reach { kService, kServiceAndControl };

// A simulated instance on a clock that stands still between requests, and what must be true of all
// its answers. The methods "wait SECONDS" and "mode required|optional|disabled" are for the world
// itself; with kServiceAndControl what is below /control goes to the control API.
class SimulatedWorld {
 public:
  explicit SimulatedWorld(Reach reach) : reach_(reach) {}

  // Plays the text of request_script.h; returns all answers, with the session tokens made alike.
  std::vector<simulator::Response> Play(std::string_view script);

 private:
  void Wait(std::string_view seconds);
  void SetMode(std::string_view mode);
  [[nodiscard]] simulator::AccessOptions Access();
  [[nodiscard]] simulator::Response AskService(const simulator::Request& request);
  [[nodiscard]] simulator::Response AskControl(const simulator::Request& request);
  // True when nothing bends the answers: no fault, no throttle, no end, no option of the protocol.
  [[nodiscard]] bool IsPlain();
  void Remember(const simulator::Request& request, simulator::Response& answer);
  void CheckTokenAnswer(const simulator::Request& request, const simulator::Response& answer);
  void CheckValueAnswer(const simulator::Request& request, const simulator::Response& answer);
  void CheckItemIsServed(const std::string& path, const std::string& text);
  void CheckHoldsNoToken(std::string_view text) const;
  void CheckJournal() const;

  const Reach reach_;
  FakeClock clock_;
  simulator::Service service_{Start(), clock_};
  simulator::Control control_{service_};

  static simulator::InstanceStart Start();

  std::map<std::string, SteadyTime, std::less<>> tokens_;  // every one issued, with its end
  std::string last_token_;
  std::size_t asked_ = 0;  // what the journal must have counted
};

// Plays `script` in two worlds, whose answers must be the same.
void PlayTwice(std::string_view script, Reach reach);

}  // namespace aliyun_ecs::fuzz
