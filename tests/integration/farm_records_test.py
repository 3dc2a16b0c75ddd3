"""What starts from records against a live server with workers: post-optimization, verifying imports, reproducing."""
import harness


class FarmRecordsTest(harness.SystemTest):
    def start_farm(self):
        self.start_server()
        self.start_worker("build,run", "device")

    def tune(self, *args):
        result = self.hone("tune", self.matmul(64), "--target", self.host_target(), "--max-trials", "8", "--trials-per-iter", "8", "--seed", "1", *args)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def jobs(self):
        return self.hone_json("jobs", "list", "--all")["jobs"]

    def only_job(self):
        jobs = self.jobs()
        self.assertEqual(len(jobs), 1, jobs)
        return jobs[0]["id"]

    def test_post_optimization_measures_neighbours_of_the_best_on_the_farm(self):
        self.start_farm()
        result = self.tune("--post-optimization")
        self.assertIn("post-optimization: ", result.stderr)
        jobs = self.jobs()
        self.assertGreater(len(jobs), 1, "the neighbours are jobs of their own")
        self.assertEqual({job["state"] for job in jobs}, {"done"}, jobs)
        measured = sum(job["trials"] for job in jobs)
        self.assertGreater(measured, 8, jobs)
        first = self.hone_json("jobs", "list", "--all", "--limit", "1")["jobs"]
        rest = self.hone_json("jobs", "list", "--all", "--after", first[0]["id"])["jobs"]
        self.assertEqual([job["id"] for job in first + rest], [job["id"] for job in jobs])
        tuned = jobs[-1]["id"]  # The oldest; its neighbours' jobs have faster records of the same program.
        [top] = self.hone_json("records", "top", tuned)["records"]
        self.assertEqual(top["slot"]["job"], tuned)
        records = self.hone_json("records", "list", "--limit", "1000")["records"]
        self.assertGreater(len([r for r in records if r["trust"] == "verified"]), 1)

    def test_an_imported_record_is_refused_until_the_farm_has_verified_it(self):
        self.start_farm()
        self.tune()
        exported = self.hone("records", "export", self.path("files"), "--job", self.only_job())
        self.assertEqual(exported.returncode, 0, exported.stderr)
        self.stop(self.processes[1])
        self.stop(self.processes[0])
        self.start_farm()  # With an empty database.
        imported = self.hone("records", "import", self.path("files"))
        self.assertEqual(imported.returncode, 0, imported.stderr)
        query = ("records", "query", self.matmul(64), "--target", self.host_target())
        self.assertEqual(self.hone(*query).returncode, 3, "an imported record is not served")
        verified = self.hone("records", "verify")
        self.assertEqual(verified.returncode, 0, verified.stderr)
        self.assertRegex(verified.stdout, r"\bverified\b")
        served = self.hone_json(*query)["records"]
        self.assertEqual([(r["trust"], r["measurement"]["verdict"]) for r in served][:1], [("verified", "right")], served)
        before = len(self.jobs())
        again = self.hone_json("records", "verify")
        self.assertEqual([outcome["outcome"] for outcome in again["outcomes"]], ["verified before"])
        self.assertEqual(len(self.jobs()), before, "it was measured again")

    def test_a_record_of_the_farm_is_reproduced_bit_by_bit(self):
        self.start_farm()
        self.tune()
        best = self.hone_json("records", "top", self.only_job())["records"][0]
        reproduced = self.hone_json("records", "repro", best["id"])
        self.assertTrue(reproduced["builds_agree"])
        self.assertEqual(reproduced["verdict"], "right")
        self.assertGreater(reproduced["times"]["ratio"], 0)


if __name__ == "__main__":
    harness.main()
