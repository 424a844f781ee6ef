#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_ports.py SOURCE WORK -- what can be told of packaging/conan and packaging/vcpkg without conan and vcpkg.

The recipe is loaded and run with stand-ins for conan's modules. The sources that it exports are complete if CMake
configures them; the CMake variables that it sets must be known there. vcpkg.json has the fields of vcpkg's manual.
"""
import glob
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types

source, work = sys.argv[1:3]
toolchains = []


class Recipe:
    def requires(self, reference):
        assert re.fullmatch(r"[a-z]+/\[[^]]+\]", reference), reference


class Toolchain:
    def __init__(self, _recipe):
        self.cache_variables = {}
        toolchains.append(self)

    def generate(self):
        pass


def copy(_recipe, pattern, src, dst):
    found = glob.glob(os.path.join(src, pattern))
    assert found, pattern
    for path in found:
        to = os.path.join(dst, os.path.relpath(path, src))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, to)


def stand_in(name, **contents):
    module = types.ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module


def check_conan():
    stand_in("conan", ConanFile=Recipe)
    stand_in("conan.errors", ConanInvalidConfiguration=Exception)
    stand_in("conan.tools")
    stand_in("conan.tools.cmake", CMake=None, CMakeDeps=Toolchain, CMakeToolchain=Toolchain)
    stand_in("conan.tools.files", copy=copy, rm=None, rmdir=None)
    folder = os.path.join(source, "packaging", "conan")
    spec = importlib.util.spec_from_file_location("recipe", os.path.join(folder, "conanfile.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    recipe = module.WeftConan()
    recipe.recipe_folder = folder
    recipe.export_sources_folder = os.path.join(work, "conan")
    recipe.options = types.SimpleNamespace(shared=True, with_uring=True)
    recipe.settings = types.SimpleNamespace(os="Linux")
    recipe.validate()
    recipe.requirements()
    recipe.export_sources()
    recipe.generate()
    variables = [f"-D{name}={'ON' if value else 'OFF'}" for name, value in toolchains[-1].cache_variables.items()]
    assert variables
    build = os.path.join(work, "conan-build")
    run = subprocess.run(["cmake", "-S", recipe.export_sources_folder, "-B", build] + variables,
                         capture_output=True, text=True)
    assert run.returncode == 0 and "not used by the project" not in run.stderr, run.stderr


def check_vcpkg():
    with open(os.path.join(source, "packaging", "vcpkg", "weft", "vcpkg.json")) as file:
        port = json.load(file)
    known = {"name", "version", "description", "license", "supports", "dependencies", "default-features", "features"}
    assert set(port) == known, set(port) ^ known
    assert set(port["default-features"]) <= set(port["features"])
    for feature in port["features"].values():
        assert set(feature) == {"description", "dependencies"}
    with open(os.path.join(source, "packaging", "vcpkg", "weft", "portfile.cmake")) as file:
        text = file.read()
    # The functions come from ports of their own.
    helpers = {dependency["name"] for dependency in port["dependencies"] if dependency["host"]}
    assert helpers == {"vcpkg-cmake", "vcpkg-cmake-config"}
    for name in re.findall(r"FEATURES ([a-z]+) WEFT", text):
        assert name in port["features"], name


check_conan()
check_vcpkg()
