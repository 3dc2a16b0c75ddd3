"""The comparison of programs tells what is the same from what is not."""
import unittest

from same_program import same_program

PROGRAM = """
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i_0, i_1 in T.grid(16, 4):
        with T.block("B"):
            vi = T.axis.spatial(64, i_0 * 4 + i_1)
            T.where(i_0 * 4 + i_1 < 64)
            T.reads(A[vi // 4 * 4 + vi % 4])
            B[vi] = A[vi // 4 * 4 + vi % 4] * T.float32(2)
"""


class SameProgramTest(unittest.TestCase):
    def change(self, old, new):
        self.assertIn(old, PROGRAM)
        return same_program(PROGRAM, PROGRAM.replace(old, new))

    def test_indices_are_compared_by_value(self):
        self.assertTrue(same_program(PROGRAM, PROGRAM))
        self.assertTrue(self.change("spatial(64, i_0 * 4 + i_1)", "spatial(64, i_1 + i_0 * 4)"))
        self.assertTrue(self.change("vi // 4 * 4 + vi % 4", "vi"))
        self.assertTrue(self.change("where(i_0 * 4 + i_1 < 64)", "where(i_1 + i_0 * 4 < 16 * 4)"))
        self.assertTrue(self.change("i_0 * 4 + i_1", "i_0 * 4 + i_1 % 4"))

    def test_other_values_differ(self):
        self.assertFalse(self.change("spatial(64, i_0 * 4 + i_1)", "spatial(64, i_0 * 4)"))
        self.assertFalse(self.change("vi % 4])", "vi % 2])"))
        self.assertFalse(self.change("i_0 * 4 + i_1 < 64", "i_0 * 4 + i_1 < 63"))
        self.assertFalse(self.change("T.float32(2)", "T.float32(3)"))

    def test_names_extents_kinds_and_structure_count(self):
        self.assertFalse(self.change("grid(16, 4)", "grid(4, 16)"))
        self.assertFalse(self.change('T.block("B")', 'T.block("C")'))
        self.assertFalse(self.change("spatial", "reduce"))
        self.assertFalse(self.change("for i_0, i_1", "for i_0, i_2"))
        self.assertFalse(self.change('B: T.Buffer((64,), "float32")', 'B: T.Buffer((64,), "float16")'))
        self.assertFalse(self.change("            T.where(i_0 * 4 + i_1 < 64)\n", ""))
        self.assertFalse(self.change("B[vi] =", "A[vi] ="))


if __name__ == "__main__":
    unittest.main()
