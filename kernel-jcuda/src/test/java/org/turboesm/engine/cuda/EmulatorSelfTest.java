package org.turboesm.engine.cuda;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the other tests of this suite stand on. */
@Tag("cuda")
class EmulatorSelfTest {

  @Test
  void itNoticesEveryPlantedBugAndGivesTheRightResults(@TempDir Path scratch) throws Exception {
    Emulator.assume();
    EmulatorSources.run(scratch, "selftest.sh", Emulator.LIBRARIES);
  }
}
