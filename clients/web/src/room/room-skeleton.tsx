import { Skeleton } from '../ui/loading.tsx';
import styles from './room-view.module.css';

/** What is shown until the room is entered. */
export function RoomSkeleton({ title }: { title?: string }) {
  return (
    <div className={styles.room} aria-busy="true">
      <header className={styles.header}>
        {title === undefined ? <Skeleton width={180} height={16} /> : <h1 className={styles.title}>{title}</h1>}
      </header>
      <div className={styles.body}>
        <main className={styles.main}>
          <div className={styles.waiting}>
            <Skeleton width="min(560px, 82%)" height={300} />
          </div>
          <p className="visually-hidden" role="status">
            Entering the room
          </p>
        </main>
      </div>
    </div>
  );
}
