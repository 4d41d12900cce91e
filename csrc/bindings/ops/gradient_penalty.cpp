// The fused gradient penalty: D is called under a capture, then its calls become one op.
#include "ops/gradient_penalty/pass.h"

#include "bindings/ops/bind.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

struct Recording {
  std::vector<Capture::Call> calls;
};

PenaltyCost to_cost(const std::string& name) {
  if (name == "two-sided") return PenaltyCost::two_sided;
  if (name == "one-sided") return PenaltyCost::one_sided;
  if (name == "squared") return PenaltyCost::squared;
  throw ConfigError(
      "norm_penalty: cost must be \"two-sided\", \"one-sided\" or \"squared\", got \"" + name +
      "\"");
}

}  // namespace

void bind_gradient_penalty(py::module_& ops, py::module_& m) {
  ops.def(
      "interpolate",
      [](const Tensor& real, const Tensor& fake, const Tensor& u) {
        return released([&] { return ops::interpolate(real, fake, u); });
      },
      py::arg("real"), py::arg("fake"), py::arg("u"),
      "u real + (1 - u) fake, sample by sample: real, fake (N, ...), u (N,).");
  ops.def(
      "norm_penalty",
      [](const Tensor& g, const std::string& cost, double weight) {
        const PenaltyCost c = to_cost(cost);
        return released([&] { return ops::norm_penalty(g, c, weight); });
      },
      py::arg("g"), py::arg("cost") = "two-sided", py::arg("weight") = 1.0,
      R"(weight * mean_b cost(n_b), n_b the norm of g's sample b, and what scales g_b to the derivative.

g (N, ...) -> (), and (N,): weight / N cost'(n_b) / n_b, 0 where n_b = 0; it carries no gradient.
cost: "two-sided" (n - 1)^2, "one-sided" max(0, n - 1)^2, "squared" n^2.)");

  py::class_<Recording>(m, "Recording").def_property_readonly("ops", [](const Recording& r) {
    py::list names;
    for (const Capture::Call& c : r.calls) names.append(std::string(c.node->op->name()));
    return names;
  });
  m.def(
      "capture",
      [](const py::object& f, const py::object& x) {
        Capture capture(x.cast<const Tensor&>());
        py::object out = f(x);
        return py::make_tuple(out, Recording{capture.take()});
      },
      py::arg("f"), py::arg("x"),
      "f(x), and what this thread recorded between the variable x and what came from it.");
  m.def(
      "fused_penalty",
      [](const Recording& r, const Tensor& x, const Tensor& out, const std::string& cost,
         double weight, bool share) {
        const PenaltyCost c = to_cost(cost);
        const PenaltyResult p =
            released([&] { return fused_penalty(r.calls, x, out, c, weight, share); });
        const auto or_none = [](const Tensor& t) {
          return t.defined() ? py::cast(t) : py::object(py::none());
        };
        return py::make_tuple(or_none(p.value), or_none(p.out), p.why);
      },
      py::arg("recording"), py::arg("x"), py::arg("out"), py::arg("cost"), py::arg("weight"),
      py::arg("share"),
      R"(norm_penalty of d sum(out) / dx as one op, which also gives `out` where it is shared.

None, None and the reason where there is no such op.)");
}

}  // namespace pygan::bindings
