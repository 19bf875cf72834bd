package org.turboesm.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Folders that look like Java installations. Their java notes each start, and computes nothing. */
final class JavaHomes {
  private final Path folder;
  private final Path starts;

  JavaHomes(Path folder) throws IOException {
    this.folder = Files.createDirectories(folder);
    this.starts = Files.createFile(folder.resolve("starts"));
  }

  /** A home with a release file. */
  Path add(String name, String version) throws IOException {
    Path home = addWithoutRelease(name, version);
    Files.writeString(
        home.resolve("release"),
        "IMPLEMENTOR=\"A vendor\"\nJAVA_VERSION=\"" + version + "\"\nOS_ARCH=\"x86_64\"\n");
    return home;
  }

  /** A home whose version only its java tells. */
  Path addWithoutRelease(String name, String version) throws IOException {
    Path home = folder.resolve(name);
    Launch.writeProgram(
        home.resolve("bin/java"),
        """
        echo '%s' >>'%s'
        case " $* " in
          *" -XshowSettings:properties "*)
            echo '    java.home = %s' >&2
            echo '    java.specification.version = %s' >&2 ;;
          *) echo 'run by %s' ;;
        esac
        """
            .formatted(name, starts, home, version.replaceFirst("\\..*", ""), name));
    return home;
  }

  /** A home with a release file, whose java fails. */
  Path addBroken(String name, String version) throws IOException {
    Path home = add(name, version);
    Launch.writeProgram(
        home.resolve("bin/java"), "echo '%s' >>'%s'\nexit 1\n".formatted(name, starts));
    return home;
  }

  /** The glob that matches all homes. */
  String glob() {
    return folder + "/*";
  }

  /** How often any java was started. */
  int starts() throws IOException {
    return Files.readAllLines(starts).size();
  }
}
