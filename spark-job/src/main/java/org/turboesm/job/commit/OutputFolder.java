package org.turboesm.job.commit;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.turboesm.TurboEsmException;

/**
 * The folder of one run, on any Hadoop file system:
 *
 * <pre>
 * embeddings/mode=.../*.parquet
 * fidelity/*.parquet
 * rejects/*.parquet
 * calibration/calibration.parquet
 * manifest.json                     written last: where it is, the run is complete
 * _turboesm_unfinished              there until then
 * </pre>
 *
 * Nothing is ever deleted that a run did not write.
 */
public final class OutputFolder {
  private static final String UNFINISHED = "_turboesm_unfinished";
  private static final String MANIFEST = "manifest.json";

  private final FileSystem fileSystem;
  private final Path folder;

  private OutputFolder(FileSystem fileSystem, Path folder) {
    this.fileSystem = fileSystem;
    this.folder = folder;
  }

  /**
   * The folder of that name, which need not be there yet.
   *
   * @throws TurboEsmException if there is no such file system
   */
  public static OutputFolder of(String name, Configuration hadoop) {
    try {
      Path path = new Path(name);
      FileSystem fileSystem = path.getFileSystem(hadoop);
      return new OutputFolder(fileSystem, fileSystem.makeQualified(path));
    } catch (IOException | IllegalArgumentException e) {
      throw new TurboEsmException("output " + name + ": " + e.getMessage(), e);
    }
  }

  /** Its qualified name. */
  public String name() {
    return folder.toString();
  }

  /** Its name for a person: a local path without a scheme. */
  public String shortName() {
    return folder.toUri().getScheme().equals("file") ? folder.toUri().getPath() : name();
  }

  /** A place in it. */
  public Path resolve(String child) {
    return new Path(folder, child);
  }

  /**
   * Checks, without changing anything, that a run may write here.
   *
   * @param overwrite whether an older run's output may be deleted
   * @throws TurboEsmException if it may not, and what to do
   */
  public void check(boolean overwrite) {
    try {
      FileStatus[] children = children();
      if (children.length == 0) {
        return;
      }
      boolean ours = false;
      boolean unfinished = false;
      for (FileStatus child : children) {
        String name = child.getPath().getName();
        unfinished |= name.equals(UNFINISHED);
        ours |= name.equals(MANIFEST) && ManifestFile.isOurs(fileSystem, child.getPath());
      }
      if (overwrite) {
        if (!ours && !unfinished) {
          throw new TurboEsmException(
              "output "
                  + shortName()
                  + " is not empty and holds no manifest.json of TurboESM, so --overwrite does not"
                  + " delete it; choose another folder, or remove this one yourself");
        }
        return;
      }
      throw new TurboEsmException(
          "output "
              + shortName()
              + (unfinished ? " holds an unfinished run" : " exists and is not empty")
              + "; choose another folder, or replace an older run's output with --overwrite");
    } catch (IOException e) {
      throw new TurboEsmException("output " + shortName() + ": " + e.getMessage(), e);
    }
  }

  /**
   * Refuses an output folder that holds the input.
   *
   * @param inputs qualified files
   */
  public void requireOutside(List<Path> inputs) {
    String prefix = folder.toUri().getPath() + Path.SEPARATOR;
    for (Path input : inputs) {
      if (input.toUri().getPath().startsWith(prefix)) {
        throw new TurboEsmException(
            "input " + input + " lies in the output folder; choose another output folder");
      }
    }
  }

  private FileStatus[] children() throws IOException {
    try {
      if (fileSystem.getFileStatus(folder).isFile()) {
        throw new TurboEsmException(
            "output " + shortName() + " is a file; it must be a folder, or not be there");
      }
      return fileSystem.listStatus(folder);
    } catch (FileNotFoundException e) {
      return new FileStatus[0];
    }
  }

  /**
   * {@link #check checks}, deletes an older run's output, and marks the folder as being written.
   */
  public void begin(boolean overwrite) {
    check(overwrite);
    try {
      for (FileStatus child : children()) {
        if (!fileSystem.delete(child.getPath(), true)) {
          throw new TurboEsmException(child.getPath() + " cannot be deleted");
        }
      }
      fileSystem.mkdirs(folder);
      fileSystem.create(resolve(UNFINISHED), true).close();
    } catch (IOException e) {
      throw new TurboEsmException("output " + shortName() + ": " + e.getMessage(), e);
    }
  }

  /** Whether there is such a place in it. */
  public boolean has(String child) {
    try {
      return fileSystem.exists(resolve(child));
    } catch (IOException e) {
      throw new TurboEsmException("output " + shortName() + ": " + e.getMessage(), e);
    }
  }

  /** Deletes what this run has written there. */
  public void remove(String child) {
    try {
      if (!fileSystem.delete(resolve(child), true)) {
        throw new TurboEsmException(resolve(child) + " cannot be deleted");
      }
    } catch (IOException e) {
      throw new TurboEsmException("output " + shortName() + ": " + e.getMessage(), e);
    }
  }

  /** The Parquet files written so far. */
  public List<OutputFile> files() {
    List<OutputFile> files = new ArrayList<>();
    try {
      RemoteIterator<LocatedFileStatus> found = fileSystem.listFiles(folder, true);
      while (found.hasNext()) {
        LocatedFileStatus file = found.next();
        if (file.getPath().getName().endsWith(".parquet")) {
          String path = folder.toUri().relativize(file.getPath().toUri()).getPath();
          files.add(new OutputFile(path, file.getLen()));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    files.sort(Comparator.comparing(OutputFile::path));
    return files;
  }

  /** Writes the manifest, which completes the run. */
  public void complete(Manifest manifest) {
    Path partial = resolve("_" + MANIFEST);
    Path file = resolve(MANIFEST);
    try {
      try (OutputStream stream = fileSystem.create(partial, true)) {
        ManifestFile.write(manifest, stream);
      }
      if (!fileSystem.rename(partial, file)) {
        throw new TurboEsmException(file + " cannot be written");
      }
      fileSystem.delete(resolve(UNFINISHED), false);
    } catch (IOException e) {
      throw new TurboEsmException(file + ": " + e.getMessage(), e);
    }
  }
}
