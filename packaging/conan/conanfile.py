# SPDX-License-Identifier: MIT
"""conan create packaging/conan: weft from the sources that this file lies in. docs/packaging.md"""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, rm, rmdir

required_conan_version = ">=2.0"


class WeftConan(ConanFile):
    name = "weft"
    version = "0.1.0"
    description = "Futures and executors: the same C function on threads or on processes"
    license = "MIT"
    topics = ("futures", "executor", "thread-pool", "process-pool", "io-uring")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "with_uring": [True, False]}
    default_options = {"shared": False, "with_uring": True}
    languages = "C"

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "weft.map", "cmake/*", "include/*", "adapters/*",
                        "core/*", "ipc/*", "executors/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("weft is for Linux")

    def requirements(self):
        if self.options.with_uring:
            self.requires("liburing/[>=2.3 <3]")

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCH", "TOOLS"):
            toolchain.cache_variables[f"WEFT_BUILD_{part}"] = False
        toolchain.cache_variables["WEFT_MPI"] = False
        toolchain.cache_variables["WEFT_URING"] = bool(self.options.with_uring)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        lib = os.path.join(self.package_folder, "lib")
        # Both kinds are made of the same objects, and installed together. For CMake and pkg-config conan writes files.
        rm(self, "*.a" if self.options.shared else "*.so*", lib)
        rmdir(self, os.path.join(lib, "cmake"))
        rmdir(self, os.path.join(lib, "pkgconfig"))

    def package_info(self):
        self.cpp_info.libs = ["weft"]
        self.cpp_info.system_libs = ["pthread"]
        self.cpp_info.set_property("cmake_file_name", "weft")
        self.cpp_info.set_property("cmake_target_name", "weft::weft")
        self.cpp_info.set_property("pkg_config_name", "weft")
        # A worker process finds a function by the build-id of its file.
        self.cpp_info.exelinkflags = self.cpp_info.sharedlinkflags = ["-Wl,--build-id"]
