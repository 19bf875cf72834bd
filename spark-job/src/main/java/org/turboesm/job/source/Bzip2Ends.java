package org.turboesm.job.source;

import java.io.IOException;
import java.math.BigInteger;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.turboesm.TurboEsmException;

/**
 * Whether a file begins and ends as bzip2 does. Hadoop looks for the next block and finds none in a
 * file that is not bzip2, or that was cut off between two blocks: it would read as an empty or a
 * shorter file, without an error.
 */
final class Bzip2Ends {
  /** What stands, at any bit, before the last checksum. */
  private static final BigInteger END_OF_STREAM = BigInteger.valueOf(0x177245385090L);

  private static final int END_BITS = 48;
  private static final int CHECKSUM_BITS = 32;

  /** The end, the checksum, and fewer than 8 bits to fill the last byte. */
  private static final int TAIL_BYTES = (END_BITS + CHECKSUM_BITS + 7 + 7) / 8;

  /** An empty stream: header, end and checksum. */
  private static final int MINIMUM_BYTES = 14;

  private Bzip2Ends() {}

  /** Passes an empty file, which holds no record and is rejected as such. */
  static void check(InputFile file, Configuration hadoop) {
    if (file.size() == 0) {
      return;
    }
    String problem = file.size() < MINIMUM_BYTES ? "too short" : problem(file, hadoop);
    if (problem != null) {
      throw new TurboEsmException(ReadFailure.damaged(file.path(), "bzip2", problem));
    }
  }

  private static String problem(InputFile file, Configuration hadoop) {
    Path path = new Path(file.path());
    try (FSDataInputStream stream = path.getFileSystem(hadoop).open(path)) {
      byte[] head = new byte[3];
      stream.readFully(0, head);
      if (!Arrays.equals(head, new byte[] {'B', 'Z', 'h'})) {
        return "it does not begin with BZh";
      }
      byte[] tail = new byte[TAIL_BYTES];
      stream.readFully(file.size() - TAIL_BYTES, tail);
      return endsStream(tail) ? null : "it stops before the end of its stream";
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  private static boolean endsStream(byte[] tail) {
    BigInteger bits = new BigInteger(1, tail);
    BigInteger mask = BigInteger.ONE.shiftLeft(END_BITS).subtract(BigInteger.ONE);
    for (int fill = 0; fill < Byte.SIZE; fill++) {
      if (bits.shiftRight(CHECKSUM_BITS + fill).and(mask).equals(END_OF_STREAM)) {
        return true;
      }
    }
    return false;
  }
}
