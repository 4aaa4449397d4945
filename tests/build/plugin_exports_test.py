"""The plugin that Bazel built loads without any other library and exports what the package calls.

Uses the standard library only, because Bazel does not provide Python packages here.
"""

import ctypes
import unittest

PLUGIN = "cc/host/libtinyprop_plugin.so"  # relative to the runfiles folder, where Bazel runs tests


class PluginExportsTest(unittest.TestCase):
    def setUp(self):
        self.plugin = ctypes.CDLL(PLUGIN)

    def test_has_an_interface_version(self):
        self.assertGreaterEqual(self.plugin.TinyPropPluginVersion(), 1)

    def test_registerer_refuses_what_is_no_resolver(self):
        register = self.plugin.TinyPropRegisterOps
        register.argtypes = [ctypes.c_void_p]
        register.restype = ctypes.c_bool
        self.assertFalse(register(None))


if __name__ == "__main__":
    unittest.main()
