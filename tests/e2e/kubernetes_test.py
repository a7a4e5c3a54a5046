"""docker/kubernetes fits what it is made from: rules, dashboards, flags, version.

What kubectl makes of it is looked at by kubernetes_rendered_test.py, which tests/packaging/kubernetes.sh
runs: it takes kubectl and other downloads.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile

import harness
import kubernetes_files
from kubernetes_files import DASHBOARDS, FOLDER, objects_of, read


def generate(folder, target):
    """Runs the script of that folder; returns what it wrote, by file."""
    subprocess.run([os.path.join(folder, "docker", "kubernetes", "generate.sh"), target], check=True)
    return {os.path.basename(path): read(path) for path in glob.glob(os.path.join(target, "*"))}


class FilesTest(harness.Case):
    def folder(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def test_the_rules_are_those_of_alerts(self):
        shipped = os.path.join(FOLDER, "prometheus-operator", "rules")
        self.assertEqual(
            {os.path.basename(path): read(path) for path in glob.glob(os.path.join(shipped, "*"))},
            generate(harness.SOURCE, self.folder()), "stale: run docker/kubernetes/generate.sh")
        for name, path in kubernetes_files.rules().items():
            (rule,) = objects_of(read(os.path.join(shipped, f"{name}.yaml")))
            self.assertEqual(rule["spec"], objects_of(read(path))[0])

    def test_a_changed_rule_is_seen(self):
        folder = self.folder()
        for part in ("alerts/rules", "docker/kubernetes"):
            shutil.copytree(os.path.join(harness.SOURCE, part), os.path.join(folder, part))
        with open(os.path.join(folder, "alerts", "rules", "spot.yml"), "a", encoding="utf-8") as file:
            file.write("# more\n")
        self.assertNotEqual(generate(folder, self.folder()), generate(harness.SOURCE, self.folder()))

    def test_every_file_is_listed(self):
        (operator,) = objects_of(read(os.path.join(FOLDER, "prometheus-operator", "kustomization.yaml")))
        self.assertEqual({path for path in operator["resources"] if path.startswith("rules/")},
                         {f"rules/{name}.yaml" for name in kubernetes_files.rules()})
        (dashboards,) = objects_of(read(os.path.join(DASHBOARDS, "kustomization.yaml")))
        self.assertEqual(
            sorted(generator["files"] for generator in dashboards["configMapGenerator"]),
            sorted([os.path.basename(path)] for path in glob.glob(os.path.join(DASHBOARDS, "*.json"))))

    def test_every_variable_is_a_flag_and_every_image_of_this_version(self):
        text = subprocess.run([harness.EXPORTER, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
        flags = {"ALIYUN_ECS_EXPORTER_" + re.sub(r"[^a-z]", "_", flag).upper()
                 for flag in re.findall(r"--([a-z.-]+[a-z])", text)}
        self.assertGreater(len(flags), 30)
        images = 0
        for path in glob.glob(os.path.join(FOLDER, "**", "*.*"), recursive=True):
            text = read(path)
            self.assertLessEqual(set(re.findall(r"\bALIYUN_ECS_EXPORTER_[A-Z_]+", text)), flags, path)
            for tag in re.findall(r"\baliyun-ecs-(?:exporter|simulator):([\w.-]+)", text):
                images += 1
                self.assertEqual(tag, kubernetes_files.version(), path)
        self.assertGreater(images, 1)


if __name__ == "__main__":
    harness.main()
