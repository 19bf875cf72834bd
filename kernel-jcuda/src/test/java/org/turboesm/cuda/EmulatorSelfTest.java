package org.turboesm.cuda;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the other tests of this suite stand on. */
@Tag("cuda")
class EmulatorSelfTest {
  @TempDir Path scratch;

  @Test
  void noticesEveryPlantedBugAndGivesTheRightResults() throws Exception {
    Emulator.run(scratch, "selftest.sh", Emulator.require().toString());
  }
}
